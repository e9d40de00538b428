# Killed when the pulse is over: it stays locked.
start
feed listed yuyv
await_high
await_low
kill -9 "$(pid)"
unfeed
low || fail "the line went high"
await started 2
stays_low 2
verified
