# The disk fails and becomes read-only, as a worn-out card does: nothing opens, and it says why.
worn_disk
start
disk_fails
feed listed yuyv
stays_low 6
said 'cannot be put on record'
systemctl stop doorward
low || fail "the line is high"
