# The service may not use the chip: it does not start, and names the group to join.
chmod 600 /dev/gpiochip*
chgrp root /dev/gpiochip*
refuses_to_start 'group'
low || fail "the line is high"
udevadm trigger --subsystem-match=gpio
udevadm settle
systemctl stop doorward
systemctl reset-failed doorward
start
