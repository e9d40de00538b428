# Another program holds the line: the daemon does not start and says who it is.
gpioset -m signal "$(cat $bank/chip_name)" 4=0 & holder=$!
sleep 0.5
systemctl start doorward && fail "it started"
kill $holder
journalctl -u doorward --no-pager | grep -q 'is held by gpioset' || fail "it does not say by whom"
