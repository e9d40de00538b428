# The guardian is killed at random moments of a visit (10), where the kernel keeps the level: locked each time.
keep_level 1
config 'door.pulse_ms = 20000
door.max_open_ms = 20000
access.cooldown_ms = 0'
start
for round in 1 2 3 4 5 6 7 8 9 10; do
    feed listed yuyv
    was=$(guardian)
    moment=$((RANDOM % 3000))
    sleep "$(printf '%d.%03d' $((moment / 1000)) $((moment % 1000)))"
    unfeed
    kill -9 "$was"
    until_true 10 low || fail "round $round, killed after $moment ms: the line stays high"
    await_restart "$was" doorward-relay
    low || fail "round $round: the next guardian opened"
    until_true 60 systemctl -q is-active doorward || { systemctl reset-failed doorward; start; }
done
keep_level 0
verified
[ "$(count granted)" -ge 1 ] || fail "no grants: this shows little"
echo "NOTE 10 kills, $(count granted) grants, $(count unlocked) unlocks"
