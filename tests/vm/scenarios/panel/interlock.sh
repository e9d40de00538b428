# While the other door of a pair is open this one stays locked.
guarded 'door.interlock = true
panel.other_door = { chip = "panel-bank", line = 4 }'
wire 4 up
sleep 1
feed listed yuyv
await_record grant_withdrawn '"reason":"other_door_open"'
press
await_record rex_refused '"reason":"other_door_open"'
stays_low 5
never unlocked
wire 4 down
await_high
verified
