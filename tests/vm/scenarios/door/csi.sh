# The bridge of a camera module, by its unit as it is: what stands in for rpicam-vid and ffmpeg
# does as they do, and the module, its options and the unit's user are the real ones.
rmmod v4l2loopback 2>/dev/null
cat >/usr/local/bin/rpicam-vid <<'STUB'
#!/bin/sh
case "$*" in *"--codec yuv420 --width 640 --height 480"*) ;; *) echo "rpicam-vid $*" >&2; exit 1 ;; esac
while cat /opt/doorward/feeds/listed.yu12; do :; done
STUB
cat >/usr/local/bin/ffmpeg <<'STUB'
#!/bin/sh
for device; do :; done
exec /opt/doorward/loopback pipe "$device"
STUB
chmod 755 /usr/local/bin/rpicam-vid /usr/local/bin/ffmpeg
cp $share/doorward-csi.service /run/systemd/system/
systemctl daemon-reload
systemctl start doorward-csi || fail "the bridge does not start"
until_true 30 test -e /dev/video9 || fail "no /dev/video9"
config 'camera.device = "/dev/video9"'
start
said YU12
await_high
await granted
await_low
# The bridge ends: the camera is lost, and nobody is let in.
systemctl stop doorward-csi
await camera_lost
stays_low 2
rm -f /usr/local/bin/rpicam-vid /usr/local/bin/ffmpeg /run/systemd/system/doorward-csi.service
systemctl daemon-reload
rmmod v4l2loopback
