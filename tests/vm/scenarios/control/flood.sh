# A thousand clients at the control socket, half of them stalled: a listed person waits as long
# as without them, and the daemon stays as small as it was.
modprobe v4l2loopback video_nr=30 exclusive_caps=1
config "camera.device = \"$loopback\"
door.pulse_ms = 500
access.cooldown_ms = 0
access.absence_ms = 0"
# The player first, and on a device that is new: one that was played on takes no format again.
measure() { # NAME
    systemctl stop doorward
    rmmod v4l2loopback
    modprobe v4l2loopback video_nr=30 exclusive_caps=1
    $share/loopback latency $loopback "$(line)/value" 12 $share/feeds/nobody.yuyv $share/feeds/listed.yuyv >"/tmp/$1" & local player=$!
    sleep 1
    start
    wait $player || fail "no measurement"
    sed "s/^/NOTE $1: /" "/tmp/$1"
}
median() { sed -n 's/.* p50 \([0-9]*\).*/\1/p' "/tmp/$1"; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$(pid)/status"; }
# Of nobody's, of somebody with a role, and of root's.
echo 'viewer.uids = [60001]' >/etc/doorward/roles.toml
measure quiet
until_true 30 test -S /run/doorward/control.sock || fail "no control socket"
[ "$(stat -c %U:%a /run/doorward/control.sock)" = doorward:666 ] || fail "the socket is $(stat -c %U:%a /run/doorward/control.sock)"
before=$(rss)
# They come again whenever they are dropped, and when the daemon was started again.
for user in 60000 60001 0; do
    setpriv --reuid $user --regid $user --clear-groups $share/flood /run/doorward/control.sock 334 600 >"/tmp/flood.$user" & echo $! >>/tmp/floods
done
sleep 5
measure flooded
after=$(rss)
kill $(cat /tmp/floods)
rm -f /tmp/floods /etc/doorward/roles.toml
echo "NOTE memory: $before KiB, flooded $after KiB; $(count control_refused) refusals on record"
[ "$after" -le $((before + 65536)) ] || fail "it grew from $before to $after KiB"
[ "$(count granted)" -ge 24 ] || fail "$(count granted) grants for 24 visits"
[ "$(count control_refused)" -ge 1 ] || fail "no refusal is on record"
[ "$(median flooded)" -le $(($(median quiet) * 3 / 2 + 100)) ] || fail "a listed person waits $(median flooded) ms, $(median quiet) without the flood"
restarts=$(systemctl show doorward -p NRestarts --value)
[ "$restarts" = 0 ] || fail "it was started $restarts times again"
# 1: it has something to tell, such as the camera that plays no more.
doorward status >/dev/null || [ $? = 1 ] || fail "root is not heard after the flood"
verified
