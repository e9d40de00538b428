# Another program holds the line: the daemon does not start and says who it is.
runuser -u doorward -- doorward relay pulse --ms 10000 & holder=$!
await_high
refuses_to_start "is held by"
wait $holder
low || fail "the pulse by hand did not end"
