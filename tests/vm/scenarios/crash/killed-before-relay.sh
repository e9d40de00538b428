# Killed when the grant is on record and the relay has not moved: never opened.
start
freeze door
feed listed yuyv
await granted
low || fail "the line is high although the door's thread stands"
kill -9 "$(pid)"
unfeed
stays_low 2
await started 2
never unlocked
verified
