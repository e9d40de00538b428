# Runs inside the virtual machine: makes the door's hardware, then each scenario.
exec 2>&1
share=/opt/doorward
camera=/dev/video20
feeder=/dev/video21

modprobe gpio-sim
modprobe vivid n_devs=1 node_types=0x101 num_inputs=1 input_types=3 num_outputs=1 output_types=1 \
    multiplanar=1 no_error_inj=0 vid_cap_nr=20 vid_out_nr=21
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
bank=/sys/kernel/config/gpio-sim/door/bank0
mkdir -p $bank/line4
echo 8 >$bank/num_lines
echo door-bank >$bank/label
echo relay >$bank/line4/name
echo 1 >/sys/kernel/config/gpio-sim/door/live
udevadm settle
line() { echo "/sys/devices/platform/$(cat /sys/kernel/config/gpio-sim/door/dev_name)/$(cat $bank/chip_name)/sim_gpio4"; }

groupadd -r gpio 2>/dev/null
useradd --system --home /var/lib/doorward --groups video,gpio doorward
permit() { chgrp gpio /dev/gpiochip*; chmod 660 /dev/gpiochip*; chgrp video /dev/video*; chmod 660 /dev/video*; }
permit
: >$share/read.toml
v4l2-ctl -d $camera -c loop_video=1,osd_text_mode=2
for device in $camera $feeder; do v4l2-ctl -d $device --set-dv-bt-timings=index=0; done >/dev/null

# What scenarios are written with. Each starts from a stopped daemon, an empty
# database with one listed person, and the line released.
config() {
    cat >/etc/doorward/doorward.toml <<TOML
camera.device = "$camera"
camera.stall_ms = 1000
door.pulse_ms = 1500
relay.chip = "door-bank"
relay.line = "relay"
models.threads = 1
$1
TOML
}
level() { cat "$(line)/value"; }
fail() { echo "    $*"; exit 1; }
# feed NAME FORMAT: shows a recorded scene to the camera, again and again
feed() {
    unfeed
    # The capture side follows what the daemon asks for; the feeding side must be the same.
    case $2 in yuyv) code=YUYV ;; nv12) code=NV12 ;; grey) code=GREY ;; esac
    v4l2-ctl -d $feeder --set-fmt-video-out=width=640,height=480,pixelformat=$code >/dev/null
    v4l2-ctl -d $feeder --stream-out-mmap=4 --stream-from=$share/feeds/$1.$2 --stream-loop >/tmp/feed.log 2>&1 &
    echo $! >/tmp/feed.pid
}
unfeed() { [ -e /tmp/feed.pid ] && kill "$(cat /tmp/feed.pid)" 2>/dev/null; rm -f /tmp/feed.pid; sleep 0.2; }
start() { systemctl start doorward || fail "the service does not start"; }
# By the defaults: the configuration may be wrong on purpose.
events() { runuser -u doorward -- doorward --config $share/read.toml events --json --limit 10000; }
count() { events | grep -c "\"kind\":\"$1\""; }
# until_true SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1)); shift
    while ! "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}
at_least() { [ "$(count "$1")" -ge "$2" ]; }
high() { [ "$(level)" = 1 ]; }
low() { [ "$(level)" = 0 ]; }
await() { until_true 30 at_least "$1" "${2:-1}" || fail "no ${2:-1} x $1"; }
await_high() { until_true 30 high || fail "the line did not go high"; }
await_low() { until_true "${1:-30}" low || fail "the line is still high"; }
never() { [ "$(count "$1")" = 0 ] || fail "there is $1"; }
# stays_low SECONDS: looks all the time
stays_low() {
    local end=$((SECONDS + $1))
    while [ $SECONDS -lt $end ]; do low || fail "the line went high"; sleep 0.05; done
}
pid() { systemctl show doorward -p MainPID --value; }

reset() {
    systemctl stop doorward 2>/dev/null
    systemctl reset-failed doorward 2>/dev/null
    unfeed
    rm -rf /var/lib/doorward
    install -d -o doorward -g doorward -m 700 /var/lib/doorward
    config ""
    runuser -u doorward -- doorward enroll "Barack Obama" $share/01.jpg $share/02.jpg >/dev/null
}

for scenario in $share/scenarios/*.sh; do
    name=$(basename "$scenario" .sh)
    began=$(cut -d' ' -f1 /proc/uptime)
    since=$(date '+%F %T')
    reset
    if (. "$scenario"); then verdict=PASS; else verdict=FAIL; fi
    ended=$(cut -d' ' -f1 /proc/uptime)
    if [ $verdict = FAIL ]; then
        journalctl -u doorward --since "$since" --no-pager -o short-monotonic | tail -40
        events | tail -20
    fi
    echo "$verdict $name $(echo "$began $ended" | awk '{printf "%.1f", $2 - $1}') s"
done
systemctl stop doorward
systemd-analyze security doorward.service --no-pager 2>/dev/null | tail -1
echo END
