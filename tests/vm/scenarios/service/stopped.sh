# systemctl stop while the strike is open: locked at once, and the last words on record.
start
feed listed yuyv
await_high
systemctl stop doorward
low || fail "the line is high"
[ "$(events | tail -1 | grep -c '"kind":"stopped"')" = 1 ] || fail "no last words"
