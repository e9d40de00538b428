# The same where the kernel keeps the line's level, as a Raspberry Pi's does: the guardian releases it.
keep_level 1
drop_in "[Service]
RestartSec=20"
start
feed listed yuyv
await_high
kill -9 "$(pid)"
until_true 60 low || fail "nobody locks what the dead daemon left open"
[ "$(pid)" = 0 ] || fail "only the next start locked"
keep_level 0
