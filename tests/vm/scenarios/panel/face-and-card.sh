# A face waits for its card: a lost one opens nothing, the other one does.
as_service people card "Barack Obama" 413 --facility 159 >/dev/null || fail "no card"
as_service people card "Barack Obama" 414 --facility 159 >/dev/null || fail "no second card"
as_service people lost-card 414 --facility 159 >/dev/null || fail "not lost"
guarded 'factors.demand = "card"
factors.within_ms = 60000'
feed listed yuyv
sleep 10
low || fail "a face is enough"
pulses 01001111100000001100111101
await_record denied '"reason":"card_lost"'
low || fail "a lost card opens"
sleep 2
pulses 01001111100000001100111011
await_high
on_record granted '"card"' || fail "the card is not on record"
verified
