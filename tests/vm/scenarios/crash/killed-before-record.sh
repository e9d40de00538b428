# Killed when a person was recognised and nothing is on record yet: never opened.
start
freeze audit
feed listed yuyv
sleep 3
low || fail "opened before it was on record"
kill -9 "$(pid)"
unfeed
stays_low 2
await started 2
never granted
never unlocked
verified
