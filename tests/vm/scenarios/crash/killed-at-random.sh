# kill -9 at random moments (30), half with each kind of line driver: locked soon after, the record whole.
for round in $(seq "$(setting kills)"); do
    keep_level $((round % 2))
    systemctl reset-failed doorward
    start
    feed listed yuyv
    was=$(pid)
    moment=$((RANDOM % 2500))
    sleep "$(printf '%d.%03d' $((moment / 1000)) $((moment % 1000)))"
    kill -9 "$was"
    unfeed
    until_true 60 low || fail "round $round, killed after $moment ms: the line stays high"
    systemctl stop doorward
    low || fail "round $round, killed after $moment ms: the line is high after the end"
done
keep_level 0
verified
[ "$(count granted)" -ge 3 ] || fail "only $(count granted) grants: this shows little"
[ "$(count unlocked)" -le "$(count granted)" ] || fail "unlocked without a grant"
echo "NOTE $(setting kills) kills, $(count granted) grants, $(count unlocked) unlocks"
