# One thread of the guardian hangs while the strike is open: its watchdog ends it, locked.
keep_level 1
config 'door.pulse_ms = 30000
door.max_open_ms = 60000'
start
feed listed yuyv
await_high
unfeed
was=$(guardian)
freeze doorward doorward-relay
until_true 15 low || fail "the line is still high"
thaw
await_restart "$was" doorward-relay
keep_level 0
verified
