# The disk becomes read-only, as a worn-out card does: nothing opens, and it says why.
cp -a /var/lib/doorward /tmp/kept
mount -t tmpfs -o size=8m,mode=0700,uid=$(id -u doorward),gid=$(id -g doorward) tmpfs /var/lib/doorward
cp -a /tmp/kept/. /var/lib/doorward/ && rm -rf /tmp/kept
start
mount -o remount,ro /var/lib/doorward || fail "no remount"
feed listed yuyv
stays_low 6
said 'read-only\|readonly'
mount -o remount,rw /var/lib/doorward
systemctl reset-failed doorward
systemctl restart doorward
await_high
verified
