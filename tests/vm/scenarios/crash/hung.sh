# The whole process stands still: the watchdog ends it, locked, and it starts again.
drop_in "[Service]
WatchdogSec=3"
start
feed listed yuyv
await_high
was=$(pid)
kill -STOP "$was"
await_low 60
await_restart "$was"
