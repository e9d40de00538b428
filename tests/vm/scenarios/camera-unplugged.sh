# The camera is unplugged in an approach and plugged in again.
start
feed listed yuyv
await granted
echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
await camera_lost
await_low 5
before=$(count granted)
unfeed
stays_low 2
[ "$(count granted)" = "$before" ] || fail "granted without a camera"
echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
udevadm settle
permit
v4l2-ctl -d $camera -c loop_video=1,osd_text_mode=2
for device in $camera $feeder; do v4l2-ctl -d $device --set-dv-bt-timings=index=0; done >/dev/null
feed listed yuyv
await camera_back
await granted $((before + 1))
