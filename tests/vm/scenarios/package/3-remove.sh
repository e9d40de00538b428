# Removed: locked and gone, with its data kept.
# Who was let in before has to go first.
feed nobody yuyv
sleep 5
feed listed yuyv
await_high
dpkg --remove doorward >/dev/null 2>&1 || fail "the removal fails"
low || fail "the line is high"
[ ! -e /usr/bin/doorward ] || fail "the program is still there"
[ -s /var/lib/doorward/doorward.db ] || fail "the whitelist is gone"
[ -s /etc/doorward/doorward.toml ] || fail "the configuration is gone"
