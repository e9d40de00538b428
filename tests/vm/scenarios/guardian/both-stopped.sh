# Daemon and guardian are both held while the strike is open: locked by the guardian's watchdog, and
# both are started again.
keep_level 1
drop_in "[Service]
WatchdogSec=3"
config 'door.pulse_ms = 30000
door.max_open_ms = 60000'
start
feed listed yuyv
await_high
unfeed
was=$(pid) guard=$(guardian)
kill -STOP "$was" "$guard"
until_true 15 low || fail "the line is still high"
await_restart "$guard" doorward-relay
await_restart "$was"
keep_level 0
verified
