# The door's thread hangs while the strike is open: the watchdog ends the daemon, locked, and it starts again.
hangs_while_open door
