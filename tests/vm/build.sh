#!/usr/bin/env bash
# Builds the virtual machine once: a User-Mode Linux kernel with virtual cameras and
# GPIO, and a Debian root. Needs root and a Debian 12 host; nothing of it needs KVM.
#   build.sh CACHE    writes CACHE/<key>/{linux,modules.cpio,root.cpio} and prints that folder
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$1

cannot() { echo "the virtual machine cannot be built here: $1" >&2; exit 3; }
[ "$(id -u)" = 0 ] || cannot "that needs root"
command -v apt-get >/dev/null || cannot "that needs Debian's apt-get"

source=linux-source-6.1
packages="flex bison bc libelf-dev libssl-dev zstd cpio kmod mmdebstrap xz-utils $source"
include=systemd,systemd-sysv,udev,dbus,kmod,v4l-utils,gpiod,procps,libstdc++6
{
    # The tools first: their versions are part of the key.
    # shellcheck disable=SC2086
    if ! dpkg -s $packages >/dev/null 2>&1; then
        apt-get update -q
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
    fi
} >&2 || cannot "its packages cannot be installed ($packages)"
key=$({ cat "$here/kernel.config" "$0"; dpkg-query -W -f '${Version}' $source; } | sha256sum | cut -c1-16)
done=$cache/$key
if [ ! -e "$done/complete" ]; then
    work=$cache/work-$key
    mkdir -p "$done" "$work"
    if [ ! -x "$done/linux" ]; then
        [ -d "$work/$source" ] || tar -C "$work" -xf /usr/src/$source.tar.xz
        mkdir -p "$work/build"
        um() { make -C "$work/$source" ARCH=um O="$work/build" "$@" >>"$done/build.log" 2>&1; }
        echo "building the kernel (some minutes, see $done/build.log)" >&2
        um KCONFIG_ALLCONFIG="$here/kernel.config" allnoconfig
        um -j"$(nproc)" linux modules
        rm -rf "$work/modules"
        um INSTALL_MOD_PATH="$work/modules" modules_install
        rm -f "$work"/modules/lib/modules/*/{build,source}
        mkdir -p "$work/overlay/usr/lib"
        rm -rf "$work/overlay/usr/lib/modules"
        mv "$work/modules/lib/modules" "$work/overlay/usr/lib/"
        (cd "$work/overlay" && find . | cpio -o -H newc --quiet) >"$done/modules.cpio"
        cp "$work/build/linux" "$done/linux"
        strip "$done/linux"
    fi
    echo "installing the root" >&2
    mmdebstrap --mode=root --variant=minbase --include="$include" bookworm "$work/root" \
        >>"$done/build.log" 2>&1
    ln -sf usr/lib/systemd/systemd "$work/root/init"
    rm -rf "$work"/root/var/cache/apt/* "$work"/root/var/lib/apt/lists/* "$work"/root/usr/share/{doc,man,locale}
    (cd "$work/root" && find . | cpio -o -H newc --quiet) >"$done/root.cpio"
    rm -rf "$work"
    touch "$done/complete"
fi
echo "$done"
