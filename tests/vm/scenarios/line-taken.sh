# Another program holds the line: the daemon does not start and says who it is.
runuser -u doorward -- doorward relay pulse --ms 10000 & holder=$!
await_high
systemctl start doorward && fail "it started"
journalctl -u doorward --since "$since" --no-pager | grep -q 'is held by' || fail "it does not say by whom"
wait $holder
low || fail "the pulse by hand did not end"
