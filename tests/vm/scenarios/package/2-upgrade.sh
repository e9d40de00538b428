# The next version over a changed configuration: the file stays, the running door is guarded by the new one.
was=$(pid)
sum=$(md5sum </etc/doorward/doorward.toml)
# Not when they were let in last: somebody may be in view.
who() { as_service people list | awk '{print $1, $2, $3, $4}'; }
people=$(who)
dpkg-deb -R $share/doorward.deb /tmp/next
sed -i 's/^Version: .*/Version: 0.2.0-1/' /tmp/next/DEBIAN/control
echo '# new in this version' >>/tmp/next/etc/doorward/doorward.toml
dpkg-deb -Znone -b /tmp/next /tmp/next.deb >/dev/null
dpkg --force-confdef --force-confold --install /tmp/next.deb >/tmp/upgrade.log 2>&1 || fail "the upgrade fails: $(tail -3 /tmp/upgrade.log)"
[ "$(md5sum </etc/doorward/doorward.toml)" = "$sum" ] || fail "the configuration was overwritten"
[ -e /etc/doorward/doorward.toml.dpkg-dist ] || fail "the new configuration is not beside it"
await_restart "$was"
[ "$(who)" = "$people" ] || fail "the whitelist changed"
# Who was let in before has to go first.
feed nobody yuyv
sleep 5
feed listed yuyv
await_high
await_low
