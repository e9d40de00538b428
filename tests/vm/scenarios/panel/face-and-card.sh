# A face waits for its card: a lost one opens nothing, the other one does, shown before the face.
as_service people card "Barack Obama" 413 --facility 159 >/dev/null || fail "no card"
as_service people card "Barack Obama" 414 --facility 159 >/dev/null || fail "no second card"
as_service people lost-card 414 --facility 159 >/dev/null || fail "not lost"
guarded 'factors.demand = "card"
factors.within_ms = 60000'
feed listed yuyv
sleep 10
low || fail "a face is enough"
# This machine is too slow to look at faces and to have a pulse each hundredth of a second.
feed nobody yuyv
sleep 5
pulses 01001111100000001100111101
await_record factor_refused '"reason":"card_lost"'
low || fail "a lost card opens"
pulses 01001111100000001100111011
feed listed yuyv
await_high
await_record granted '"card"'
verified
