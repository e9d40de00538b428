# A board whose input is only pulled down, with the chip's own resistor: the kernel has the line
# as it was asked for, the resistor pulls it up at rest, and an energised relay pulls it down.
# gpio-sim has no such output, so the kernel lets go of the line by making it an input; it then
# shows the level it had, which is why the end of the pulse is looked up in the record.
flags() { gpioinfo | grep -m1 '"\?relay"\?'; }
has() { flags | grep -q -- "$1" || fail "the line is not $1: $(flags)"; }
has_not() { ! flags | grep -q -- "$1" || fail "the line is $1: $(flags)"; }
config 'relay.active = "low"
relay.drive = "open-drain"
relay.bias = "pull-up"
door.pulse_ms = 5000'
start
has active-low
has open-drain
has pull-up
high || fail "the line is not pulled up at rest"
feed listed yuyv
await granted
until_true 60 low || fail "the line is not pulled down"
unfeed
await locked
systemctl stop doorward doorward-relay
has_not open-drain
# The other way round, and without the resistor.
config 'relay.active = "high"
relay.drive = "open-source"
relay.bias = "disabled"'
start
has open-source
has_not pull-up
feed listed yuyv
await granted 2
await_high
unfeed
await locked 2
