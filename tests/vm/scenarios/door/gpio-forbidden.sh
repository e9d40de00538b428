# The guardian may not use the chip: nothing starts, and it says who has to give it.
chmod 600 /dev/gpiochip*
chgrp root /dev/gpiochip*
refuses_to_start 'no permission to use /dev/gpiochip'
said 'the relay guardian of /run/doorward-relay does not answer'
low || fail "the line is high"
udevadm trigger --subsystem-match=gpio
udevadm settle
systemctl stop doorward doorward-relay
systemctl reset-failed doorward doorward-relay
start
