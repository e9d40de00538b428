# Who may what: the daemon has no GPIO, the guardian no camera, no database and no network, and the line
# belongs to no user of the group gpio.
start
feed listed yuyv
await_high
owns() { ls -l /proc/"$1"/fd 2>/dev/null; }
owns "$(guardian)" | grep -q 'gpio' || fail "the guardian does not hold the line"
owns "$(pid)" | grep -q 'gpio' && fail "the daemon holds GPIO"
owns "$(guardian)" | grep -q 'video' && fail "the guardian holds a camera"
[ "$(stat -c %U:%G:%a /dev/gpiochip0)" = root:doorward-relay:660 ] || fail "the chip is $(stat -c %U:%G:%a /dev/gpiochip0)"
# As each service's user, and in its sandbox.
runuser -u doorward -- gpiodetect 2>&1 | grep -qi 'permission' || fail "the daemon's user can use GPIO"
inside() { local unit=$1; shift; nsenter -t "$(pid "$unit")" -m -n -- runuser -u "$unit" -- "$@"; }
inside doorward-relay ls /var/lib/doorward >/dev/null 2>&1 && fail "the guardian's user sees the database"
for unit in doorward doorward-relay; do
    [ "$(nsenter -t "$(pid $unit)" -n ip -o link 2>/dev/null | grep -vc ' lo:')" = 0 ] || fail "$unit has a network"
done
# The relay by hand, over the guardian and beside a running daemon.
await_low
unfeed
sleep 3
runuser -u doorward -- doorward relay pulse --ms 10000 &
await_high
pkill -9 -f 'relay pulse'
await_low 5
