# The chip goes while its line is held: the daemon ends and says why; it works again with the chip.
start
was=$(pid)
restarts() { [ "$(pid)" != "$was" ]; }
echo 0 >$configfs/door/live
feed listed yuyv
until_true 30 journal_has 'relay' || fail "not a word of the relay"
until_true 30 restarts || fail "it goes on without a relay"
unlocked=$(count unlocked)
sleep 2
[ "$(count unlocked)" = "$unlocked" ] || fail "unlocked without a line"
make_chip
systemctl reset-failed doorward
systemctl start doorward
await_high
await_low
