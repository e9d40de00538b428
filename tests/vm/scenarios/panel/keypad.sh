# A keypad and a reader that type are for doorward alone, are lost when they are pulled out,
# and what is plugged into their place with another number cannot type.
plug_in keypad 0101
plug_in reader 0102
panel
watch
echo 12 >/tmp/keypad.in
seen '^key 1'
seen '^key 2'
seen '^key enter'
echo 0012345 >/tmp/reader.in
seen 'card typed:12345'
echo 12a >/tmp/reader.in
seen 'misread 3: it is not digits'
pull_out keypad
seen 'the keypad does not answer'
plug_in keypad 0666
sleep 12
echo 7 >/tmp/keypad.in
sleep 1
grep -q '^key 7' /tmp/watch.log && fail "another device types"
pull_out keypad
plug_in keypad 0101
seen 'the keypad is back'
echo 9 >/tmp/keypad.in
seen '^key 9'
