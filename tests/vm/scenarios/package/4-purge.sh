# Purged: no template, no setting and no unit is left.
dpkg --purge doorward >/dev/null 2>&1 || fail "the purge fails"
for left in /var/lib/doorward /var/lib/doorward-bridge /etc/doorward /usr/lib/doorward /usr/share/doorward /etc/systemd/system/multi-user.target.wants/doorward.service /etc/systemd/system/sysinit.target.wants/doorward-lock.service; do
    [ ! -e $left ] || fail "$left is left"
done
low || fail "the line is high"
