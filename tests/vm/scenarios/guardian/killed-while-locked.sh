# The guardian is killed while the door is locked: it stays locked, and the next visitor is let in.
start
feed nobody yuyv
sleep 2
was=$(guardian) daemon=$(pid)
kill -9 "$was"
low || fail "the line is high"
await_restart "$was" doorward-relay
feed listed yuyv
await_high
[ "$(pid)" = "$daemon" ] || fail "the daemon was started again"
verified
