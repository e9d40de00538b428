# doorward check says what there is, and what is wrong with the fix beside it.
check() { doorward check >/tmp/check 2>&1; sed 's/^/    /' /tmp/check; }
line_says() { grep -q -- "$1" /tmp/check || fail "no line says: $1"; }
feed listed yuyv
check
line_says '^ok *relay *GPIO line 4 of door-bank'
line_says '^ok *models .*every file as its hash says'
line_says '^ok *camera modes .*YUYV'
line_says '^ok *camera  .*640x480'
line_says '^ok *recognition *detect [0-9.]* ms'
line_says '^ok *light '
line_says '^[okWRONG]* *face '
line_says '^ok *disk '
line_says '^ok *service '
line_says '^ok *guardian '
line_says '^WRONG *lock at boot .*systemctl enable doorward-lock'
systemctl -q enable doorward-lock
drop_in "[Service]
NoNewPrivileges=no"
drop_in "[Service]
ExecStopPost=" doorward-relay
check
grep -q '^WRONG *lock at boot' /tmp/check && fail "the lock at boot is on"
line_says '^WRONG *service .*NoNewPrivileges=yes'
line_says '^WRONG *guardian .*relay lock'
# While it guards, also as the service's user.
rm -rf /run/systemd/system/doorward*.service.d
systemctl daemon-reload
start
runuser -u doorward -- doorward check >/tmp/check 2>&1
line_says '^ok *relay *GPIO line relay of door-bank, in the hands of its guardian'
runuser -u doorward -- doorward check --json | grep -q '"ok": *false' || fail "no JSON"
systemctl -q disable doorward-lock
