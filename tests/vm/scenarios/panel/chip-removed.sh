# The chip goes and comes back: inputs are lost, and are read again.
panel
watch
echo 0 >$configfs/panel/live
seen 'the door contact does not answer'
make_panel
seen 'the door contact is back'
wire 1 down
last() { [ "$(grep '^contact' /tmp/watch.log | tail -1 | cut -d' ' -f2)" = "$1" ]; }
until_true 60 last closed || fail "it is not read again: $(cat /tmp/watch.log)"
wire 1 up
until_true 60 last open || fail "it is not read again: $(cat /tmp/watch.log)"
