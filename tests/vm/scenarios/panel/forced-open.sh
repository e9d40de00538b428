# Opened without a grant: on record, the siren sounds until the door is closed, the strike rests.
guarded
wire 1 up
await forced_open
until_true 20 lit 13 || fail "no siren"
low || fail "the line is high"
wire 1 down
await alarm_ended
until_true 20 dark 13 || fail "the siren goes on"
never unlocked
verified
