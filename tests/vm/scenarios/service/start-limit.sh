# It cannot start five times: systemd stops trying, locked; with the fault gone it starts by hand.
config 'access.threshold = 9'
limit() { systemctl is-failed -q doorward; }
systemctl start doorward
until_true 60 limit || fail "no end of starts: $(systemctl show doorward -p Result -p SubState)"
low || fail "the line is high"
said 'access.threshold'
config ''
systemctl reset-failed doorward
start
