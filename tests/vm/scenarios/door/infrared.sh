# A listed person before both cameras is let in; while the infrared one is lost nobody is, and
# the reason is on record.
two_cameras
config 'camera.device = "/dev/video20"
camera.infrared.device = "/dev/video22"
camera.infrared.format = "GREY"
camera.infrared.height = 480
camera.infrared.stall_ms = 1000
camera.infrared.max_skew_ms = 1000
# The grey scene was not lit by an infrared camera.
camera.infrared.min_contrast = 0.3
liveness.frozen_face = false'
# Both cameras see the same.
runuser -u doorward -- sh -c 'umask 077; cat >/var/lib/doorward/infrared.toml' <<'TOML'
colour = [640, 480]
infrared = [640, 480]
across = [1.0, 0.0, 0.0, 0.0]
down = [0.0, 1.0, 0.0, 0.0]
residual = 0.01
pairs = 60
TOML
# The end of the approach: some pictures of somebody who stands there, because nothing keeps the
# two feeds in step.
still=$share/feeds/still
tail -c $((640 * 480 * 2 * 4)) $share/feeds/listed.yuyv >$still.yuyv
tail -c $((640 * 480 * 4)) $share/feeds/listed.grey >/tmp/second.grey
start
feed_second /tmp/second.grey
feed still yuyv
await granted
await_high
unfeed
await_low 30
before=$(count granted)
# It gives no frames any more.
v4l2-ctl -d /dev/video22 -c percentage_of_dropped_buffers=100
await_record camera_lost '"which":"infrared"'
runuser -u doorward -- doorward status >/tmp/status.log && fail "the status is well"
grep -q infrared_camera_lost /tmp/status.log || fail "not in the status: $(cat /tmp/status.log)"
feed still yuyv
await_record denied infrared_camera_lost
stays_low 3
[ "$(count granted)" = "$before" ] || fail "granted without the infrared camera"
v4l2-ctl -d /dev/video22 -c percentage_of_dropped_buffers=0
await_record camera_back '"which":"infrared"'
await granted $((before + 1))
