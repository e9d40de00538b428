# One thread of the guardian hangs while the strike is open: its watchdog ends it, locked.
opened_for_long
was=$(guardian)
freeze doorward doorward-relay
until_true 15 low || fail "the line is still high"
thaw
await_restart "$was" doorward-relay
keep_level 0
verified
