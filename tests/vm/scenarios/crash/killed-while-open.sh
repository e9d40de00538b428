# kill -9 while the strike is open: locked by the guardian, then guarded again.
start
feed listed yuyv
await_high
kill -9 "$(pid)"
await_low 30
unfeed
await started 2
verified
