# How long a listed person waits, as a distribution: reported, not judged.
modprobe v4l2loopback video_nr=30 exclusive_caps=1
config "camera.device = \"$loopback\"
door.pulse_ms = 500
access.cooldown_ms = 0
access.absence_ms = 0"
$share/loopback latency $loopback "$(line)/value" 12 $share/feeds/nobody.yuyv $share/feeds/listed.yuyv >/tmp/latency & player=$!
sleep 1
start
wait $player || fail "no measurement"
sed 's/^/NOTE /' /tmp/latency
[ "$(count granted)" -ge 12 ] || fail "$(count granted) grants for 12 visits"
