# The panel is killed while somebody goes through: the strike rests in its time, the door is
# guarded on, and what was not seen is no alarm.
guarded 'door.pulse_ms = 6000
access.absence_ms = 3000'
feed listed yuyv
await_high
wire 1 up
await access_taken
was=$(pid)
panel=$(pid doorward-panel)
kill -9 "$panel"
await inputs_lost
await_low
await_restart "$panel" doorward-panel
await inputs_back
wire 3 down
wire 1 down
feed nobody yuyv
sleep 6
feed listed yuyv
await granted 2
await_high
[ "$(pid)" = "$was" ] || fail "the daemon ended"
never forced_open
verified
