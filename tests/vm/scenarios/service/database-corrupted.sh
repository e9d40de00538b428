# Damaged database: refused with its name, and nothing opens.
dd if=/dev/urandom of=/var/lib/doorward/doorward.db bs=1k seek=4 count=40 conv=notrunc 2>/dev/null
systemctl start doorward
feed listed yuyv
said 'doorward.db'
stays_low 4
