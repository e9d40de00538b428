# The chip goes while its line is held: the daemon ends and says why; it works again with the chip.
ended() { [ "$(pid)" != "$was" ]; }
start
was=$(pid)
echo 0 >$configfs/door/live
feed listed yuyv
until_true 90 ended || fail "it goes on without a relay"
said 'the relay does not come back'
[ "$(count unlocked)" = 0 ] || fail "unlocked without a line"
make_chip
until_true 60 systemctl -q is-active doorward || { systemctl reset-failed doorward; start; }
await_high
await_low
