#!/usr/bin/env bash
# Installs the virtual machine's Debian root.
#   root.sh CACHE    writes CACHE/root-<key>/root.cpio and prints that folder
set -euo pipefail
cache=$1
include=systemd,systemd-sysv,udev,dbus,kmod,v4l-utils,gpiod,procps,libstdc++6,e2fsprogs,sudo
key=$({ cat "$0"; apt-cache policy systemd libc6 | grep Candidate; } | sha256sum | cut -c1-16)
done=$cache/root-$key
exec 9>"$done.lock"
flock 9
[ ! -e "$done/complete" ] || { echo "$done"; exit 0; }

echo "installing the root (about a minute, see $done/build.log)" >&2
mkdir -p "$done"
exec 3>&1 >>"$done/build.log" 2>&1
rm -rf "$done/root"
mmdebstrap --mode=root --variant=minbase --include=$include bookworm "$done/root"
ln -sf usr/lib/systemd/systemd "$done/root/init"
rm -rf "$done"/root/var/cache/apt/* "$done"/root/var/lib/apt/lists/* "$done"/root/usr/share/{doc,man,locale}
(cd "$done/root" && find . | cpio -o -H newc --quiet) >"$done/root.cpio"
rm -rf "$done/root"
touch "$done/complete"
echo "$done" >&3
