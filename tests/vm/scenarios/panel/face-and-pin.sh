# A face waits for its PIN: a wrong one opens nothing, the right one does.
plug_in keypad 0101
echo 739146 | as_service people pin "Barack Obama" >/dev/null || fail "no PIN"
guarded 'factors.demand = "pin"
factors.within_ms = 60000'
feed listed yuyv
sleep 10
low || fail "a face is enough"
echo 739145 >/tmp/keypad.in
await_record factor_refused '"reason":"wrong_pin"'
low || fail "a wrong PIN opens"
echo 739146 >/tmp/keypad.in
await_high
await_record granted '"pin"'
verified
