# Who was granted goes through, and that is on record for this grant; who does not, as well.
guarded 'door.pulse_ms = 4000
access.absence_ms = 3000'
feed listed yuyv
await_high
until_true 20 lit 12 || fail "the light is dark"
wire 1 up
await access_taken
on_record access_taken "{\"grant\":$(number granted)}" || fail "of another grant: $(events | grep access_taken)"
await_low
wire 1 down
feed nobody yuyv
sleep 6
feed listed yuyv
await granted 2
await access_not_taken
never forced_open
verified
