# Makes the chip with its line pulled to open, and follows the line from then on.
mount -t configfs configfs /sys/kernel/config
modprobe gpio-sim keep_level=1
bank=/sys/kernel/config/gpio-sim/door/bank0
mkdir -p $bank/line4
echo 8 >$bank/num_lines
echo door-bank >$bank/label
echo relay >$bank/line4/name
echo 1 >/sys/kernel/config/gpio-sim/door/live
line=/sys/devices/platform/$(cat /sys/kernel/config/gpio-sim/door/dev_name)/$(cat $bank/chip_name)/sim_gpio4
echo pull-up >"$line/pull"
cat "$line/value" >/run/line-at-power-on
udevadm settle
sleep 1
