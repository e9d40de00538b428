# The guardian is held by SIGSTOP while the strike is open: its watchdog ends it, and the line is
# released, long before the pulse is over.
keep_level 1
config 'door.pulse_ms = 30000
door.max_open_ms = 60000'
start
feed listed yuyv
await_high
unfeed
was=$(guardian)
kill -STOP "$was"
until_true 15 low || fail "the line is still high"
await_restart "$was" doorward-relay
keep_level 0
stays_low 2
verified
