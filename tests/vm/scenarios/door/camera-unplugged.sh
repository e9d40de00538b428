# The camera is unplugged in an approach and plugged in again.
start
feed listed yuyv
await granted
unplug
await camera_lost
await_low 30
before=$(count granted)
unfeed
stays_low 2
[ "$(count granted)" = "$before" ] || fail "granted without a camera"
plug
feed listed yuyv
await camera_back
await granted $((before + 1))
