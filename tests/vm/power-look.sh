# 30 power cuts at random moments: each disk mounts, its database opens, the record is whole, and no unlock that was seen is missing.
disks=$(setting disks)
wanted=$(setting cuts)
mkdir -p /host
mount -t hostfs -o "$disks" none /host || fail "no disks"
looked=0
for disk in /host/*; do
    seen=${disk##*-}
    mount -o loop "$disk" /var/lib/doorward || fail "$disk does not mount"
    verified
    [ "$(count granted)" -ge "$seen" ] || fail "$disk: $seen unlocks were seen, $(count granted) grants are on record"
    as_service people list | grep -q 'Barack Obama' || fail "$disk: the whitelist is gone"
    umount /var/lib/doorward
    looked=$((looked + 1))
done
[ $looked = "$wanted" ] || fail "$looked disks of $wanted"
echo "NOTE $looked cuts, $seen unlocks seen until the last"
# And the last one guards again.
mount -o loop "$disk" /var/lib/doorward
start
feed listed yuyv
await granted $((seen + 1))
