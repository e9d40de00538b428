# The board falls asleep while the strike is open: locked first, and guarded again when it wakes up.
config 'door.pulse_ms = 20000'
start
feed listed yuyv
await_high
systemctl start doorward-sleep
low || fail "the line is high when it would sleep"
systemctl -q is-active doorward && fail "it still guards"
systemctl stop doorward-sleep
until_true 30 systemctl -q is-active doorward || fail "it does not guard again"
verified
