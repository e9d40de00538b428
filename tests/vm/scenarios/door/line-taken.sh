# Another program holds the line: nothing starts, and it says who it is.
doorward relay pulse --ms 10000 & holder=$!
await_high
refuses_to_start "is held by"
wait $holder
low || fail "the pulse by hand did not end"
# It is found free without anybody's hand.
until_true 60 systemctl -q is-active doorward-relay || fail "the guardian is not started again"
systemctl reset-failed doorward
start
