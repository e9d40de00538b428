# The clock is set while the strike is open and between visits: each pulse has its length.
config 'door.pulse_ms = 4000'
start
feed listed yuyv
await_high
date -s '+2 days' >/dev/null
await_low 60
await granted 2
date -s '-4 days' >/dev/null
await_low 60
await granted 3
date -s '+2 days' >/dev/null
verified
