# The guardian is held by SIGSTOP while the strike is open: its watchdog ends it, and the line is
# released, long before the pulse is over.
opened_for_long
was=$(guardian)
kill -STOP "$was"
until_true 15 low || fail "the line is still high"
await_restart "$was" doorward-relay
keep_level 0
stays_low 2
verified
