# The whole process stands still: the watchdog ends it, locked, and it starts again.
start
feed listed yuyv
await_high
kill -STOP "$(pid)"
await_low 25
await started 2
