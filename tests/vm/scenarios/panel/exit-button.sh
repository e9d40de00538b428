# The exit button opens once that is on record, and not while the record hangs.
# A part that hangs for long ends the daemon.
drop_in "[Service]
WatchdogSec=60"
guarded 'door.pulse_ms = 4000'
press
await_high
await_low
[ "$(number rex)" -lt "$(number unlocked)" ] || fail "unlocked before it was on record"
was=$(pid)
freeze audit
press
stays_low 3
thaw
await rex 2
await_low
[ "$(pid)" = "$was" ] || fail "the daemon ended"
verified
