# Whoever stays is let in once, and again after having been away.
config 'access.cooldown_ms = 500
access.absence_ms = 3000
door.pulse_ms = 500'
start
feed listed yuyv
await granted
await_low
stays_low 15
[ "$(count granted)" = 1 ] || fail "$(count granted) grants for one presence"
feed nobody yuyv
sleep 8
feed listed yuyv
await granted 2
