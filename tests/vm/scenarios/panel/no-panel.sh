# Where the configuration has no panel the unit is done at once, and the door is guarded.
start
until_true 30 eval '! systemctl -q is-active doorward-panel' || fail "it goes on without a panel"
systemctl -q is-failed doorward-panel && fail "it has failed"
journal_has 'there is no panel here' || fail "it does not say so"
