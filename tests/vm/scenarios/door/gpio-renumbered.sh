# Another chip comes first and the door's gets another number: found by its label.
before=$(cat $configfs/door/bank0/chip_name)
echo 0 >$configfs/door/live
mkdir -p $configfs/first/bank0
echo 4 >$configfs/first/bank0/num_lines
echo other >$configfs/first/bank0/label
echo 1 >$configfs/first/live
make_chip
[ "$(cat $configfs/door/bank0/chip_name)" != "$before" ] || fail "the chip has the same number"
start
feed listed yuyv
await_high
await_low
systemctl stop doorward
echo 0 >$configfs/first/live
rmdir $configfs/first/bank0 $configfs/first
