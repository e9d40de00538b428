# A listed face in YUYV: the line goes high for the pulse, then low, and it is on record.
start
feed listed yuyv
await_high
await locked 2
await_low
[ "$(count granted)" -ge 1 ] || fail "no grant on record"
events | grep -q '"kind":"granted".*"person":"Barack Obama"\|"person":"Barack Obama".*' || fail "not by name"
events | grep -o '"energised_ms":[0-9]*' | head -1
