# Granted, and the door is not closed again: told before, told then, and over when it is closed.
guarded 'door.pulse_ms = 4000
door.held_open_ms = 8000
door.pre_alarm_ms = 4000'
feed listed yuyv
await_high
wire 1 up
await access_taken
unfeed
await_record held_open '"stage":"pre_alarm"'
await_record held_open '"stage":"alarm"'
until_true 20 lit 13 || fail "no siren"
wire 1 down
await_record alarm_ended '"alarm":"held_open"'
until_true 20 dark 13 || fail "the siren goes on"
never forced_open
verified
