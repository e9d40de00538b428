# Runs inside the virtual machine, installed from the package: makes the door's
# hardware, then each scenario of the group that the kernel's command line names.
exec 2>&1
share=/opt/doorward
setting() { tr ' ' '\n' </proc/cmdline | sed -n "s/^doorward.$1=//p"; }
group=$(setting group)
camera=/dev/video20
feeder=/dev/video21
loopback=/dev/video30
read_config=$share/read.toml
configfs=/sys/kernel/config/gpio-sim

# What scenarios are written with. Each starts from a stopped daemon, an empty
# database with one listed person, and the line released.
fail() { echo "    $*"; exit 1; }
# hardware: cameras and a GPIO chip, as a board has them at boot
hardware() {
    mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
    modprobe gpio-sim
    make_chip
    one_camera
}
one_camera() {
    modprobe vivid n_devs=1 node_types=0x101 num_inputs=1 input_types=3 num_outputs=1 output_types=1 \
        multiplanar=1 no_error_inj=0 vid_cap_nr=20 vid_out_nr=21
    udevadm settle
    ready_camera
}
# two_cameras: the second is /dev/video22, fed at /dev/video23
two_cameras() {
    rmmod vivid || fail "the camera is in use"
    modprobe vivid n_devs=2 node_types=0x101,0x101 num_inputs=1,1 input_types=3,3 num_outputs=1,1 output_types=1,1 \
        multiplanar=1,1 no_error_inj=0 vid_cap_nr=20,22 vid_out_nr=21,23
    udevadm settle
    ready_camera
    v4l2-ctl -d /dev/video22 -c loop_video=1,osd_text_mode=2
    for device in /dev/video22 /dev/video23; do v4l2-ctl -d $device --set-dv-bt-timings=index=0; done >/dev/null
}
make_chip() {
    [ "$(cat $configfs/door/live 2>/dev/null)" != 1 ] || return 0
    mkdir -p $configfs/door/bank0/line4
    echo 8 >$configfs/door/bank0/num_lines
    echo door-bank >$configfs/door/bank0/label
    echo relay >$configfs/door/bank0/line4/name
    echo 1 >$configfs/door/live
    udevadm settle
}
ready_camera() {
    v4l2-ctl -d $camera -c loop_video=1,osd_text_mode=2
    for device in $camera $feeder; do v4l2-ctl -d $device --set-dv-bt-timings=index=0; done >/dev/null
}
unplug() { echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind; }
plug() { echo vivid.0 >/sys/bus/platform/drivers/vivid/bind; udevadm settle; ready_camera; }
keep_level() { echo "$1" >/sys/module/gpio_sim/parameters/keep_level; }
line() { echo "/sys/devices/platform/$(cat $configfs/door/dev_name)/$(cat $configfs/door/bank0/chip_name)/sim_gpio4"; }
# config LINES: the scenario's own, and the door's for what they do not say; patient,
# because the machine may be slow
config() {
    {
        echo "$1"
        while read -r key value; do
            case $1 in *"$key = "*) ;; *) echo "$key = $value" ;; esac
        done <<'TOML'
camera.device "/dev/doorward/camera"
camera.stall_ms 1000
door.pulse_ms 1500
relay.chip "door-bank"
relay.line "relay"
models.threads 1
access.window_ms 5000
access.max_frame_age_ms 5000
access.absence_ms 0
TOML
    } >/etc/doorward/doorward.toml
}
# With the defaults, whatever the configuration is like.
as_service() { runuser -u doorward -- doorward --config $read_config "$@"; }
level() { cat "$(line)/value"; }
# feed SCENE FORMAT: shows a recorded scene to the camera, again and again
feed() {
    unfeed
    # The capture side follows what the daemon asks for; the feeding side must be the same.
    case $2 in yuyv) code=YUYV ;; nv12) code=NV12 ;; grey) code=GREY ;; esac
    v4l2-ctl -d $feeder --set-fmt-video-out=width=640,height=480,pixelformat=$code >/dev/null
    v4l2-ctl -d $feeder --stream-out-mmap=4 --stream-from="$share/feeds/$1.$2" --stream-loop >/tmp/feed.log 2>&1 &
    echo $! >/tmp/feed.pid
}
# feed_second FILE: the second camera shows grey pictures of 640x480, again and again
feed_second() {
    v4l2-ctl -d /dev/video23 --set-fmt-video-out=width=640,height=480,pixelformat=GREY >/dev/null
    v4l2-ctl -d /dev/video23 --stream-out-mmap=4 --stream-from="$1" --stream-loop >/tmp/second.log 2>&1 &
    echo $! >/tmp/second.pid
}
unfeed_second() { [ -e /tmp/second.pid ] && kill "$(cat /tmp/second.pid)" 2>/dev/null; rm -f /tmp/second.pid; sleep 0.2; }
unfeed() { [ -e /tmp/feed.pid ] && kill "$(cat /tmp/feed.pid)" 2>/dev/null; rm -f /tmp/feed.pid; sleep 0.2; }
start() { systemctl start doorward || fail "the service does not start"; }
refuses_to_start() { systemctl start doorward && fail "it started"; said "$1"; }
journal() { journalctl -u doorward -u doorward-relay -u doorward-panel --after-cursor "$cursor" --no-pager -o cat; }
said() { until_true 60 journal_has "$1" || fail "the journal does not say: $1"; }
journal_has() { journal | grep -q -- "$1"; }
events() { as_service events --json --limit 10000; }
count() { events | grep -c "\"kind\":\"$1\""; }
verified() { as_service events --verify | grep -q 'none changed or missing' || fail "the audit log does not verify"; }
# until_true SECONDS COMMAND...
until_true() {
    local end=$((SECONDS + $1)); shift
    while ! "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}
at_least() { [ "$(count "$1")" -ge "$2" ]; }
high() { [ "$(level)" = 1 ]; }
low() { [ "$(level)" = 0 ]; }
await() { until_true 120 at_least "$1" "${2:-1}" || fail "no ${2:-1} x $1"; }
await_high() { until_true 120 high || fail "the line did not go high"; }
await_low() { until_true "${1:-120}" low || fail "the line is still high"; }
never() { [ "$(count "$1")" = 0 ] || fail "there is $1"; }
# stays_low SECONDS: looks all the time
stays_low() {
    local end=$((SECONDS + $1))
    while [ $SECONDS -lt $end ]; do low || fail "the line went high"; sleep 0.05; done
}
# pid [UNIT]
pid() { systemctl show "${1:-doorward}" -p MainPID --value; }
guardian() { pid doorward-relay; }
restarted() { [ "$(pid "$2")" != 0 ] && [ "$(pid "$2")" != "$1" ] && systemctl -q is-active "${2:-doorward}"; }
await_restart() { until_true 120 restarted "$1" "${2:-doorward}" || fail "it is not started again"; }
# opened_for_long: somebody was let in and is gone, and the kernel keeps the line's level
opened_for_long() {
    keep_level 1
    config 'door.pulse_ms = 30000
door.max_open_ms = 60000'
    start
    feed listed yuyv
    await_high
    unfeed
}
# freeze THREAD [UNIT]: holds it still until `thaw`
freeze() {
    : >/tmp/freeze.log
    $share/freeze "$(pid "$2")" "$1" >/tmp/freeze.log 2>&1 & echo $! >/tmp/freeze.pid
    until_true 10 grep -q held /tmp/freeze.log || fail "cannot hold the thread $1: $(cat /tmp/freeze.log)"
}
thaw() { [ -e /tmp/freeze.pid ] && kill "$(cat /tmp/freeze.pid)" 2>/dev/null; rm -f /tmp/freeze.pid; }
# hangs_while_open THREAD: the watchdog ends the daemon, locked, and it starts again
hangs_while_open() {
    drop_in "[Service]
WatchdogSec=3"
    config 'door.pulse_ms = 10000'
    start
    feed listed yuyv
    await_high
    was=$(pid)
    freeze "$1"
    await_low 60
    await_restart "$was"
    said "the $1 thread"
    verified
}
# drop_in TEXT [UNIT]: settings of the unit for this scenario
drop_in() {
    local folder=/run/systemd/system/${2:-doorward}.service.d
    mkdir -p "$folder"
    printf '%s\n' "$1" >"$folder/scenario.conf"
    systemctl daemon-reload
}

# What is at the door besides strike and camera: a chip of 16 lines.
make_panel() {
    [ "$(cat $configfs/panel/live 2>/dev/null)" != 1 ] || return 0
    mkdir -p $configfs/panel/bank0
    echo 16 >$configfs/panel/bank0/num_lines
    echo panel-bank >$configfs/panel/bank0/label
    echo 1 >$configfs/panel/live
    udevadm settle
}
panel_line() { echo "/sys/devices/platform/$(cat $configfs/panel/dev_name)/$(cat $configfs/panel/bank0/chip_name)/sim_gpio$1"; }
# wire NUMBER up|down: the wire is let go of, or at ground
wire() { echo "pull-$2" >"$(panel_line "$1")/pull"; }
lit() { [ "$(cat "$(panel_line "$1")/value")" = 1 ]; }
dark() { ! lit "$1"; }
# pulses BITS: on line 8 for zeros and line 9 for ones
pulses() {
    local d0 d1 bits=$1
    d0=$(panel_line 8)/pull d1=$(panel_line 9)/pull
    while [ -n "$bits" ]; do
        case $bits in
            0*) echo pull-down >"$d0"; echo pull-up >"$d0" ;;
            1*) echo pull-down >"$d1"; echo pull-up >"$d1" ;;
        esac
        bits=${bits#?}
        # This kernel delivers a simulated chip's interrupts with its ticks, and one for two
        # that came between them; the pulses that are missing would be told as lost.
        sleep 0.03
    done
}
# panel [LINES]: starts the service with contact, button, reader, keypad, lights and siren
panel() {
    config "$1
panel.driver = \"gpiochip\"
panel.contact = { chip = \"panel-bank\", line = 1, debounce_ms = 500 }
panel.rex = { chip = \"panel-bank\", line = 2 }
panel.tamper = { chip = \"panel-bank\", line = 3 }
panel.wiegand = { chip = \"panel-bank\", d0 = 8, d1 = 9, gap_ms = 500 }
panel.keypad = { device = \"/dev/input/by-path/keypad\", vendor = 0x1d6b, product = 0x0101 }
panel.reader = { device = \"/dev/input/by-path/reader\", vendor = 0x1d6b, product = 0x0102 }
panel.output.green = { chip = \"panel-bank\", line = 12, signals = [\"granted\"] }
panel.output.siren = { chip = \"panel-bank\", line = 13, signals = [\"forced_open\", \"held_open\"], max_on_ms = 5000 }"
    make_panel
    systemctl start doorward-panel || fail "the panel does not start"
    # Not before: to take a line sets its resistor, which here is the wire.
    wire 1 down
    sleep 2
}
# guarded [LINES]: a closed door with its panel, and the daemon
guarded() {
    panel "$1"
    wire 3 down
    start
}
press() { wire 2 down; sleep 1; wire 2 up; }
# on_record KIND TEXT...: an event of that kind with all of these in its line
on_record() {
    local found
    found=$(events | grep "\"kind\":\"$1\"")
    shift
    for text; do found=$(grep -- "$text" <<<"$found"); done
    [ -n "$found" ]
}
await_record() { until_true 120 on_record "$@" || fail "not on record: $*"; }
# number KIND: of the first event of that kind
number() { as_service events --csv --limit 10000 | awk -F, -v kind="$1" '$4 == kind { print $1; exit }'; }
watch() {
    runuser -u doorward -- doorward panel watch --show-keys >/tmp/watch.log 2>&1 &
    seen 'that is how things are'
}
seen() { until_true 60 grep -q -- "$1" /tmp/watch.log || fail "not seen: $1 in $(cat /tmp/watch.log)"; }
# show SIGNAL...: by a client that says so again and again, until `hide`
show() { runuser -u doorward -- doorward panel show "$@" >/tmp/show.log 2>&1 & }
hide() { pkill -f 'panel show'; }
# plug_in NAME PRODUCT: a device that types what is written to /tmp/NAME.in
plug_in() {
    mkdir -p /dev/input/by-path
    rm -f "/tmp/$1.in" && mkfifo "/tmp/$1.in"
    sleep infinity >"/tmp/$1.in" & echo $! >"/tmp/$1.hold"
    $share/typist 1d6b "$2" "/dev/input/by-path/$1" <"/tmp/$1.in" >"/tmp/$1.log" 2>&1 & echo $! >"/tmp/$1.pid"
    until_true 20 grep -q ready "/tmp/$1.log" || fail "no $1: $(cat "/tmp/$1.log")"
    udevadm settle
}
pull_out() { kill "$(cat "/tmp/$1.pid")" "$(cat "/tmp/$1.hold")" 2>/dev/null; rm -f "/tmp/$1.pid" "/dev/input/by-path/$1"; }
clear_panel() {
    hide
    pkill -f 'panel watch'
    local device
    for device in keypad reader; do [ ! -e /tmp/$device.pid ] || pull_out $device; done
    systemctl stop doorward-panel 2>/dev/null
    systemctl reset-failed doorward-panel 2>/dev/null
    rm -rf /run/systemd/system/doorward-panel.service.d
}

# worn_disk: keeps what there is on a filesystem that becomes read-only when it fails
worn_disk() {
    cp -a /var/lib/doorward /tmp/kept
    truncate -s 8M /tmp/worn
    mkfs.ext4 -q -O ^has_journal /tmp/worn
    mount -o loop,errors=remount-ro /tmp/worn /var/lib/doorward || fail "no disk"
    cp -a /tmp/kept/. /var/lib/doorward/
    rm -rf /tmp/kept
    chown doorward: /var/lib/doorward && chmod 700 /var/lib/doorward
}
disk_fails() { echo 1 >"/sys/fs/ext4/$(basename "$(findmnt -no SOURCE /var/lib/doorward)")/trigger_fs_error"; }

reset() {
    systemctl stop doorward doorward-relay 2>/dev/null
    clear_panel
    thaw
    rm -rf /run/systemd/system/doorward.service.d /run/systemd/system/doorward-relay.service.d
    systemctl daemon-reload
    systemctl reset-failed doorward doorward-relay 2>/dev/null
    unfeed
    unfeed_second
    pkill loopback
    rmmod v4l2loopback 2>/dev/null
    if [ -e /dev/video22 ]; then rmmod vivid; one_camera; fi
    [ "$(cat $configfs/door/live)" = 1 ] || make_chip
    keep_level 0
    while mountpoint -q /var/lib/doorward; do umount -l /var/lib/doorward; done
    # With what a daemon that failed remembers of its record.
    rm -rf /var/lib/doorward /etc/doorward/access.d /run/doorward
    systemd-tmpfiles --create doorward.conf
    config ""
    as_service enroll "Barack Obama" $share/01.jpg $share/02.jpg >/dev/null
}

if [ "$group" = package ]; then
    read_config=/etc/doorward/doorward.toml
else
    hardware
    : >$read_config
fi
[ ! -e "$share/$group.sh" ] || . "$share/$group.sh"
for scenario in $share/scenarios/*.sh; do
    name=$(basename "$scenario" .sh)
    began=$(cut -d' ' -f1 /proc/uptime)
    # By place and not by time: a scenario may set the clock.
    cursor=$(journalctl -n 0 --show-cursor | sed -n 's/^-- cursor: //p')
    [ "$group" = package ] || reset
    if (. "$scenario"); then verdict=PASS; else verdict=FAIL; fi
    ended=$(cut -d' ' -f1 /proc/uptime)
    if [ $verdict = FAIL ]; then
        journalctl --after-cursor "$cursor" --no-pager -o short-monotonic -t doorward -u doorward -u doorward-relay -u doorward-panel | tail -40
        [ "$group" = package ] || events | tail -20
    fi
    echo "$verdict $group/$name $(echo "$began $ended" | awk '{printf "%.1f", $2 - $1}') s"
done
systemctl stop doorward
echo END
