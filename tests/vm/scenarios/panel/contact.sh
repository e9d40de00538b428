# Door contact, exit button and tamper loop on lines: each change is read, bounces are not.
panel
watch
grep -q '^contact closed' /tmp/watch.log || fail "the door is not closed: $(cat /tmp/watch.log)"
grep -q '^rex released' /tmp/watch.log || fail "the button is not released"
wire 1 up
seen '^contact open'
wire 2 down
seen '^rex pressed'
wire 2 up
# A wire that is let go of is a loop that is cut: it was so from the beginning.
grep -q '^tamper open' /tmp/watch.log || fail "an open loop is not told"
wire 3 down
seen '^tamper closed'
before=$(grep -c '^contact' /tmp/watch.log)
for _ in 1 2 3 4 5 6; do wire 1 down; wire 1 up; done
sleep 1
after=$(grep -c '^contact' /tmp/watch.log)
[ $((after - before)) -lt 6 ] || fail "bounces are told: $(cat /tmp/watch.log)"
[ "$(grep '^contact' /tmp/watch.log | tail -1 | cut -d' ' -f2)" = open ] || fail "the last is not how it is"
