# The disk is full: what cannot be put on record does not open the door.
cp -a /var/lib/doorward /tmp/kept
mount -t tmpfs -o size=2m,mode=0700,uid=$(id -u doorward),gid=$(id -g doorward) tmpfs /var/lib/doorward
cp -a /tmp/kept/. /var/lib/doorward/ && rm -rf /tmp/kept
start
dd if=/dev/zero of=/var/lib/doorward/ballast bs=4k >/dev/null 2>&1
feed listed yuyv
stays_low 6
said 'full'
rm /var/lib/doorward/ballast
systemctl reset-failed doorward
systemctl restart doorward
await_high
verified
