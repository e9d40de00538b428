# A listed face in YUYV: the line goes high for the pulse, then low, and it is on record.
start
feed listed yuyv
await_high
await locked 2
await_low
[ "$(count granted)" -ge 1 ] || fail "no grant on record"
events | grep '"kind":"granted"' | grep -q '"name":"Barack Obama"' || fail "not by name"
