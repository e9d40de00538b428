# The kernel ends it for its memory while the strike is open: locked, and said in the journal.
start
feed listed yuyv
await_high
was=$(pid)
gone() { [ "$(pid)" != "$was" ]; }
systemctl set-property --runtime doorward MemoryMax=24M
await_low 60
until_true 90 gone || fail "it is still running"
said 'oom-kill'
systemctl set-property --runtime doorward MemoryMax=infinity
