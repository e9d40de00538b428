# Lights and siren: lit by hand, lit for signals, dark with whoever showed them, and dark
# after the panel was killed while the kernel keeps the level of a line.
panel
runuser -u doorward -- doorward panel test siren &
until_true 20 lit 13 || fail "the siren is silent"
until_true 20 dark 13 || fail "the siren sounds on"
wait
show granted
until_true 20 lit 12 || fail "the light is dark"
hide
until_true 20 dark 12 || fail "the light is lit for nobody"
# The cap, while the signal goes on.
show forced_open
until_true 20 lit 13 || fail "no siren"
until_true 20 dark 13 || fail "the siren does not end"
sleep 3
dark 13 || fail "the siren began again"
hide
keep_level 1
show granted
until_true 20 lit 12 || fail "the light is dark again"
was=$(pid doorward-panel)
kill -9 "$was"
hide
until_true 20 dark 12 || fail "a killed panel leaves the light on"
await_restart "$was" doorward-panel
