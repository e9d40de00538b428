# The chip goes and comes back: inputs are lost, and are read again.
panel
watch
echo 0 >$configfs/panel/live
seen 'the door contact does not answer'
make_panel
wire 1 down
seen 'the door contact is back'
wire 1 up
until_true 60 eval 'grep "^contact" /tmp/watch.log | tail -1 | grep -q open' || fail "it is not read again"
