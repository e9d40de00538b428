#!/usr/bin/env bash
# Builds the virtual machine's kernel: User-Mode Linux with vivid, v4l2loopback and gpio-sim.
#   kernel.sh CACHE    writes CACHE/kernel-<key>/{linux,modules.cpio} and prints that folder
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$1
source=linux-source-6.1
loopback=v4l2loopback-dkms
key=$({ cat "$here/kernel.config" "$0"; dpkg-query -W -f '${Version}' $source; apt-cache show $loopback | grep ^Version; } | sha256sum | cut -c1-16)
done=$cache/kernel-$key
exec 9>"$done.lock"
flock 9
[ ! -e "$done/complete" ] || { echo "$done"; exit 0; }

echo "building the kernel (some minutes, see $done/build.log)" >&2
work=$cache/work-$key
mkdir -p "$done" "$work/build" "$work/overlay/usr/lib"
exec 3>&1 >>"$done/build.log" 2>&1
[ -e "$work/unpacked" ] || { tar -C "$work" -xf /usr/src/$source.tar.xz; touch "$work/unpacked"; }

# A Raspberry Pi's kernel leaves a line as it was when its holder is gone; gpio-sim
# resets it. With keep_level=1 it behaves like the Pi's, so both are tested.
sim=$work/$source/drivers/gpio/gpio-sim.c
if ! grep -q keep_level "$sim"; then
    sed -i \
        -e '/^static void gpio_sim_free/,/^}/s|^\tmutex_lock|\tif (keep_level)\n\t\treturn;\n&|' \
        -e 's|^static void gpio_sim_free(struct gpio_chip \*gc, unsigned int offset)|static bool keep_level;\nmodule_param(keep_level, bool, 0644);\n\n&|' "$sim"
    [ "$(grep -c keep_level "$sim")" = 3 ]
fi
# A processor with AMX has 11,008 bytes of registers to save, and this kernel has room for
# 2,696: its first process dies.
sed -i 's|DEFINE_LONGS(HOST_FP_SIZE, 2696)|DEFINE_LONGS(HOST_FP_SIZE, 11264)|' \
    "$work/$source/arch/x86/um/user-offsets.c"
grep -q 11264 "$work/$source/arch/x86/um/user-offsets.c"
um() { make -C "$work/$source" ARCH=um O="$work/build" "$@"; }
um KCONFIG_ALLCONFIG="$here/kernel.config" allnoconfig
um -j"$(nproc)" linux modules
(cd "$work" && apt-get download $loopback && dpkg-deb -x $loopback*.deb loopback)
um M="$(echo "$work"/loopback/usr/src/v4l2loopback-*)" modules
um INSTALL_MOD_PATH="$work/modules" modules_install
um INSTALL_MOD_PATH="$work/modules" M="$(echo "$work"/loopback/usr/src/v4l2loopback-*)" modules_install
rm -f "$work"/modules/lib/modules/*/{build,source}
rm -rf "$work/overlay/usr/lib/modules"
mv "$work/modules/lib/modules" "$work/overlay/usr/lib/"
(cd "$work/overlay" && find . | cpio -o -H newc --quiet) >"$done/modules.cpio"
cp "$work/build/linux" "$done/linux"
strip "$done/linux"
rm -rf "$work"
touch "$done/complete"
echo "$done" >&3
