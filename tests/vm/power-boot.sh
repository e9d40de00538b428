# The line is pulled to open while the board boots: locked before any service of the system runs.
grep -q 1 /run/line-at-power-on || fail "the line was not high, so this shows nothing"
systemctl -q is-active doorward-lock || fail "not locked at boot: $(systemctl status doorward-lock --no-pager)"
low || fail "the line is high"
stamp() { systemctl show "$1" -p "$2" --value; }
locked=$(stamp doorward-lock ExecMainExitTimestampMonotonic)
up=$(stamp sysinit.target ActiveEnterTimestampMonotonic)
[ "$locked" -gt 0 ] && [ "$locked" -lt "$up" ] || fail "locked at $locked us, the system was up at $up us"
