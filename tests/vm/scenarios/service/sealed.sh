# Rows are sealed: without the right key nothing opens, and systemd can keep the key.
state=/var/lib/doorward
key=$state/doorward.db-key
[ "$(stat -c %U:%a $key)" = doorward:600 ] || fail "the key is not the service's alone: $(stat -c %U:%a $key)"
grep -qa "Barack Obama" $state/* && fail "a name lies in clear"
cp -p $key /root/key
mv $key /root/taken
feed listed yuyv
systemctl start doorward
said 'the key of the database is missing'
stays_low 4
systemctl stop doorward
systemctl reset-failed doorward

# systemd hands it over: nothing of it lies beside the data.
mkdir -p /etc/credstore.encrypted
systemd-creds setup >/dev/null
systemd-creds encrypt --with-key=host --name=doorward.key /root/key /etc/credstore.encrypted/doorward.key
drop_in "[Service]
LoadCredentialEncrypted=doorward.key"
start
await granted
[ ! -e $key ] || fail "a key was made beside the data"
doorward check >/tmp/check 2>&1
grep -q 'which systemd hands over' /tmp/check || fail "check does not say where the key is: $(cat /tmp/check)"
for unit in doorward-relay doorward-panel; do
    [ ! -e /run/credentials/$unit.service/doorward.key ] || fail "$unit has the key"
done
systemctl stop doorward
cp -p /root/key $key
rm -f /etc/credstore.encrypted/doorward.key
