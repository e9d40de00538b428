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
contact=$(panel_line 1)/pull
# Each is far shorter than debounce_ms, also on a slow machine.
for _ in 1 2 3 4 5 6; do echo pull-down >"$contact"; echo pull-up >"$contact"; done
sleep 2
after=$(grep -c '^contact' /tmp/watch.log)
[ "$after" = "$before" ] || fail "bounces are told: $(cat /tmp/watch.log)"
[ "$(grep '^contact' /tmp/watch.log | tail -1 | cut -d' ' -f2)" = open ] || fail "the last is not how it is"
