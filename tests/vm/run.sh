#!/usr/bin/env bash
# Boots the virtual machine with the release binary, the models, the unit as shipped
# and the scenarios; prints one line a scenario and a summary.
#   run.sh [SCENARIO...]     all of them without names
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
cache=${DOORWARD_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/doorward-vm}
out=$project/target/vm
mkdir -p "$cache" "$out"

vm=$("$here/build.sh" "$cache") || { echo "test-vm: SKIPPED, see above"; exit 0; }

pack=$(mktemp -d)
trap 'rm -rf "$pack"' EXIT
share=$pack/opt/doorward
mkdir -p "$share"/{feeds,scenarios} "$pack"/{usr/bin,usr/lib/doorward,usr/share/doorward/models,etc/doorward,etc/systemd/system,usr/lib/udev/rules.d,usr/lib/sysusers.d}
cp "$project/target/release/doorward" "$pack/usr/bin/"
cp "$project"/.runtime/libonnxruntime.so.* "$pack/usr/lib/doorward/libonnxruntime.so"
cp "$project"/models/manifest.toml "$project"/models/*.onnx "$pack/usr/share/doorward/models/"
cp "$project/config/doorward.toml" "$pack/etc/doorward/"
cp "$project/systemd/doorward.service" "$pack/etc/systemd/system/"
cp "$project/tests/photos/barack-obama/"0[12].jpg "$share/"
cp "$here/guest.sh" "$share/"
if [ $# -gt 0 ]; then
    for name in "$@"; do cp "$here/scenarios/$name.sh" "$share/scenarios/"; done
else
    cp "$here"/scenarios/*.sh "$share/scenarios/"
fi
feed=$project/target/release/examples/feed
for scene in 2-listed-person:listed 4-stranger:stranger 1-nobody:nobody; do
    for format in yuyv nv12 grey; do
        [ "$format" = yuyv ] || [ "${scene#*:}" = listed ] || continue
        "$feed" $format "$project/demo/scenes/${scene%:*}" "$share/feeds/${scene#*:}.$format"
    done
done
cat >"$pack/etc/systemd/system/vmtest.service" <<UNIT
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
printf '[Unit]\nRequires=basic.target vmtest.service\nAllowIsolate=yes\n' >"$pack/etc/systemd/system/vmtest.target"
(cd "$pack" && find . -mindepth 1 | cpio -o -H newc --quiet) >"$out/overlay.cpio"
cat "$vm/root.cpio" "$vm/modules.cpio" "$out/overlay.cpio" >"$out/all.cpio"

start=$SECONDS
setsid timeout -k 5 "${DOORWARD_VM_SECONDS:-900}" "$vm/linux" mem=2048M initrd="$out/all.cpio" \
    con=null con0=null,fd:2 con1=null ssl0=null,fd:1 systemd.unit=vmtest.target panic=-1 quiet \
    </dev/null >"$out/result" 2>"$out/console" || true
rm -f "$out/all.cpio" "$out/overlay.cpio"
tr -d '\r' <"$out/result" | tee "$out/log" | grep -E '^(PASS|FAIL) ' || true
passed=$(grep -c '^PASS ' "$out/log" || true)
failed=$(grep -c '^FAIL ' "$out/log" || true)
if [ "$failed" != 0 ] || [ "$passed" = 0 ] || ! grep -q '^END$' "$out/log"; then
    echo "test-vm: FAILED: $passed passed, $failed failed in $((SECONDS - start)) s; see target/vm/log and target/vm/console"
    exit 1
fi
echo "test-vm: all $passed scenarios passed in $((SECONDS - start)) s"
