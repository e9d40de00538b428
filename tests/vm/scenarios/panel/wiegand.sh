# Pulses on two lines are a card; one bit wrong or too few are none, and told.
panel
watch
pulses 01001111100000001100111011
seen 'card w26:159:413'
sleep 1
pulses 01001111100000001100111010
seen 'misread 26: the parity is wrong'
sleep 1
pulses 0100111
seen 'misread 7: no format'
[ "$(grep -c '^card' /tmp/watch.log)" = 1 ] || fail "a card too many: $(cat /tmp/watch.log)"
