# The guardian is killed while the strike is open, where the kernel keeps the level: locked by what
# systemd runs after its end, and the daemon, which goes on, opens with the next one.
keep_level 1
config 'door.pulse_ms = 8000
access.cooldown_ms = 0'
drop_in "[Service]
RestartSec=5" doorward-relay
start
feed listed yuyv
await_high
was=$(guardian) daemon=$(pid)
kill -9 "$was"
until_true 4 low || fail "nobody locks what the dead guardian left open"
await_restart "$was" doorward-relay
keep_level 0
await_high
verified
