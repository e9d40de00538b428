# Daemon and guardian are both held while the strike is open: locked by the guardian's watchdog, and
# both are started again.
drop_in "[Service]
WatchdogSec=3"
opened_for_long
was=$(pid) guard=$(guardian)
kill -STOP "$was" "$guard"
until_true 15 low || fail "the line is still high"
await_restart "$guard" doorward-relay
await_restart "$was"
keep_level 0
verified
