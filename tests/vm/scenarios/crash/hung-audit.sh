# The audit log hangs while the strike is open: the watchdog ends the daemon, locked, and it starts again.
hangs_while_open audit
