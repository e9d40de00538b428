# The door's thread hangs while the strike is open: the watchdog ends the daemon, locked, and it starts again.
drop_in "[Service]
WatchdogSec=3"
config 'door.pulse_ms = 10000'
start
feed listed yuyv
await_high
was=$(pid)
freeze door
await_low 30
await_restart "$was"
said 'the door thread'
verified
