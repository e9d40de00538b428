#!/usr/bin/env bash
# Boots the virtual machine with what the Debian package holds and runs the scenarios,
# a boot for each folder of scenarios/ and two for the power cuts, two at a time;
# prints one line a scenario and a summary.
#   run.sh [GROUP[/SCENARIO]...]     all of them without names
# DOORWARD_VM_KILLS and DOORWARD_VM_CUTS say how many kills and power cuts (30).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
cache=${DOORWARD_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/doorward-vm}
limit=${DOORWARD_VM_SECONDS:-900}
out=$project/target/vm
rm -rf "$out"
mkdir -p "$out"
requires=${DOORWARD_REQUIRE:-}
start=$SECONDS

if built=$("$here/build.sh" "$cache" 2>"$out/build.log"); then
    mapfile -t vm <<<"$built"
else
    tail -3 "$out/build.log"
    echo "test-vm: SKIPPED, nothing was tested"
    [[ " ${requires//,/ } " != *" vm "* ]] || { echo "DOORWARD_REQUIRE=$requires wants it to run"; exit 1; }
    exit 0
fi
kernel=${vm[0]} root=${vm[1]}

# What every boot has: the scenarios' tools, pictures and the unit that runs them.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
base=$scratch/base
share=$base/opt/doorward
mkdir -p "$share"/{feeds,scenarios} "$base/etc/systemd/system"
cp "$project/systemd/doorward-csi.service" "$share/"
cp "$here/guest.sh" "$project"/tests/photos/barack-obama/0[123].jpg "$share/"
cp "$project"/target/release/examples/{flood,freeze,loopback,typist} "$share/"
feed=$project/target/release/examples/feed
cp -r "$project/demo/scenes/2-listed-person" "$share/feeds/listed"
"$feed" yu12 "$project/demo/scenes/2-listed-person" "$share/feeds/listed.yu12"
for scene in 2-listed-person:listed 4-stranger:stranger 1-nobody:nobody 6-photo:photo; do
    for format in yuyv nv12 grey; do
        [ "$format" = yuyv ] || [ "${scene#*:}" = listed ] || continue
        "$feed" $format "$project/demo/scenes/${scene%:*}" "$share/feeds/${scene#*:}.$format"
    done
done
cat >"$base/etc/systemd/system/vmtest.service" <<UNIT
[Unit]
After=systemd-udevd.service dbus.service basic.target
Wants=dbus.service
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/bin/bash /opt/doorward/guest.sh
StandardOutput=file:/dev/ttyS0
StandardError=file:/dev/ttyS0
TimeoutStartSec=infinity
UNIT
printf '[Unit]\nRequires=basic.target vmtest.service\nAllowIsolate=yes\n' >"$base/etc/systemd/system/vmtest.target"

# The package, as dpkg would unpack it; only the group `package` installs it for real.
debs=("$project"/target/debian/doorward_*_amd64.deb)
installed=$scratch/installed
dpkg-deb -x "${debs[-1]}" "$installed"

pack() { # FOLDER: the same as an archive for the kernel
    (cd "$1" && find . -mindepth 1 | cpio -o -H newc --quiet)
}
pack "$base" >"$scratch/base.cpio"
pack "$installed" >"$scratch/installed.cpio"
cat "$root/root.cpio" "$kernel/modules.cpio" "$scratch/base.cpio" >"$scratch/common.cpio"

# boot NAME GROUP FOLDER [KERNEL PARAMETER...]: FOLDER goes on top; the result is in NAME.log
boot() {
    local name=$1 group=$2 folder=$3
    shift 3
    { cat "$scratch/common.cpio"; [ "$group" = package ] || cat "$scratch/installed.cpio"; pack "$folder"; } \
        >"$scratch/$name.cpio"
    exec setsid timeout -k 5 "$limit" "$kernel/linux" mem=1536M initrd="$scratch/$name.cpio" \
        con=null con0=null,fd:2 con1=null ssl0=null,fd:1 systemd.unit=vmtest.target panic=-1 quiet \
        "doorward.group=$group" "doorward.kills=${DOORWARD_VM_KILLS:-30}" "$@" </dev/null >"$out/$name.log" 2>"$out/$name.console"
}

# run_group GROUP: all its scenarios, or those asked for, in one boot
run_group() {
    local group=$1 folder=$scratch/$1 scenario
    mkdir -p "$folder/opt/doorward/scenarios"
    for scenario in "$here/scenarios/$group"/*.sh; do
        scenario=$(basename "$scenario" .sh)
        [ ${#asked[@]} = 0 ] || [[ " ${asked[*]} " = *" $group "* || " ${asked[*]} " = *" $group/$scenario "* ]] || continue
        cp "$here/scenarios/$group/$scenario.sh" "$folder/opt/doorward/scenarios/"
    done
    if [ "$group" = package ]; then
        cp "${debs[-1]}" "$folder/opt/doorward/doorward.deb"
        cp "$project/README.md" "$folder/opt/doorward/"
        # Three people more for who walks through the README.
        cp "$project/tests/photos/grace-hopper/01.jpg" "$folder/opt/doorward/grace.jpg"
        cp "$project/tests/photos/eileen-collins/01.jpg" "$folder/opt/doorward/eileen.jpg"
        cp "$project/tests/photos/joe-biden/01.jpg" "$folder/opt/doorward/guest.jpg"
    fi
    (boot "$group" "$group" "$folder") || true
}
asked=("$@")
groups=()
for group in $(ls "$here/scenarios") power; do
    [ ${#asked[@]} = 0 ] || [[ " ${asked[*]} " = *" $group "* || " ${asked[*]} " = *" $group/"* ]] || continue
    groups+=("$group")
done
. "$here/power.sh"
# The longest first, two at a time.
for group in package crash power door guardian service panel control; do
    [[ " ${groups[*]} " = *" $group "* ]] || continue
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
    if [ "$group" = power ]; then run_power & else run_group "$group" & fi
done
wait

passed=0 failed=0
for group in "${groups[@]}"; do
    log=$out/$group.log
    tr -d '\r' <"$log" | grep -aE '^(PASS|FAIL|NOTE) ' || true
    passed=$((passed + $(tr -d '\r' <"$log" | grep -ac '^PASS ' || true)))
    failed=$((failed + $(tr -d '\r' <"$log" | grep -ac '^FAIL ' || true)))
    if ! tr -d '\r' <"$log" | grep -aq '^END$'; then
        echo "FAIL $group: the machine did not come to the end"
        failed=$((failed + 1))
    fi
done
if [ "$failed" != 0 ] || [ "$passed" = 0 ]; then
    echo "test-vm: FAILED: $passed passed, $failed failed in $((SECONDS - start)) s; see *.log and *.console in target/vm"
    exit 1
fi
echo "test-vm: all $passed scenarios passed in $((SECONDS - start)) s"
