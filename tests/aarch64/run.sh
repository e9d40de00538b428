#!/usr/bin/env bash
# Runs the arm64 package's program under qemu as a Cortex-A72 (Pi 4) and as a
# Cortex-A76 (Pi 5) beside this machine's: the same decisions on the demo's scenes, and
# embeddings of the test photos within 0.01 of cosine 1. Needs x86-64 Debian and
# `make deb deb-arm64` before.
set -euo pipefail
project=$(cd "$(dirname "$0")/../.." && pwd)
cd "$project"
work=$project/target/aarch64
mkdir -p "$work"
python=${PYTHON:-python3}

requires=${DOORWARD_REQUIRE:-}
skip() {
    echo "test-arm64: SKIPPED, nothing was tested: $1"
    [[ " ${requires//,/ } " != *" arm64 "* ]] || { echo "DOORWARD_REQUIRE=$requires wants it to run"; exit 1; }
    exit 0
}
[ "$(uname -m)" = x86_64 ] && command -v apt-get >/dev/null || skip "it needs Debian on x86-64"

# qemu 10 or newer (ONNX Runtime crashes in 7.2), and the arm64 libraries a Debian has.
# Both are unpacked into a folder; the machine's packages and lists stay as they are.
if [ ! -e "$work/complete" ]; then
    rm -rf "$work"/* && mkdir -p "$work"/apt/{lists/partial,archives/partial} "$work"/{debs,qemu,root}
    release=$(. /etc/os-release; echo "$VERSION_CODENAME")
    mirror=$(apt-cache madison libc6 | awk '$5 ~ /debian\/?$/ { print $5; exit }')
    [ -n "$mirror" ] || skip "this machine's package lists are empty (apt-get update)"
    printf 'deb [trusted=yes] %s %s main\n' "$mirror" "$release" "$mirror" "$release-backports" >"$work/apt/sources.list"
    apt=(-q -o "Dir::Etc::SourceList=$work/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$work/apt/lists" -o "Dir::Cache=$work/apt" -o APT::Sandbox::User=root
        -o APT::Architectures::=amd64 -o APT::Architectures::=arm64)
    {
        apt-get "${apt[@]}" update
        cd "$work/debs"
        if [[ "$(qemu-aarch64 --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p')" -lt 10 ]]; then
            apt-get "${apt[@]}" download "qemu-user/$release-backports"
            dpkg-deb -x qemu-user*.deb "$work/qemu"
        fi
        apt-get "${apt[@]}" download libc6:arm64 libgcc-s1:arm64 libstdc++6:arm64
        for package in ./*_arm64.deb; do dpkg-deb -x "$package" "$work/root"; done
        cd "$project"
    } >"$work/setup.log" 2>&1 || skip "its packages cannot be fetched, see target/aarch64/setup.log"
    rm -rf "$work/apt" "$work/debs"
    touch "$work/complete"
fi
qemu=qemu-aarch64
[ ! -x "$work/qemu/usr/bin/qemu-aarch64" ] || qemu=$work/qemu/usr/bin/qemu-aarch64
debs=(target/debian/doorward_*_arm64.deb)
dpkg-deb -x "${debs[-1]}" "$work/root"

# What the demo guards, frame after frame; near faces only, because the emulator is
# a hundred times slower than the board.
[ -d demo/scenes ] || target/release/examples/demo >/dev/null
rm -rf "$work/scenes" && mkdir "$work/scenes"
for scene in 2-listed-person 4-stranger; do
    for frame in "demo/scenes/$scene"/*[05].jpg; do cp "$frame" "$work/scenes/$scene-$(basename "$frame")"; done
done

# guard NAME PROGRAM...: enrols, guards, and leaves NAME.events and NAME.faces
guard() {
    local name=$1 runtime=$2
    shift 2
    rm -f "$work/$name".*
    cat >"$work/$name.toml" <<TOML
camera.source = "replay"
camera.replay.path = "scenes"
camera.replay.pace = "every-frame"
camera.stall_ms = 60000
vision.min_face_px = 120
vision.max_faces = 1
models.threads = 1
models.dir = "$project/models"
models.runtime = "$runtime"
access.window_ms = 30000
access.max_frame_age_ms = 5000
access.cooldown_ms = 0
relay.driver = "simulated"
relay.state_file = "$name.relay"
whitelist.database = "$name.db"
daemon.strict_modes = false
TOML
    "$@" --config "$work/$name.toml" enroll "Barack Obama" tests/photos/barack-obama/0[12].jpg >/dev/null
    "$@" --config "$work/$name.toml" run 2>"$work/$name.log"
    "$@" --config "$work/$name.toml" events --json --limit 10000 >"$work/$name.events"
    "$@" --config "$work/$name.toml" identify tests/photos/*/01.jpg --json >"$work/$name.faces"
}
start=$SECONDS
guard native "$(echo "$project"/.runtime/libonnxruntime.so.*)" target/release/doorward
for cpu in cortex-a72 cortex-a76; do
    guard $cpu "$work/root/usr/lib/doorward/libonnxruntime.so" \
        "$qemu" -cpu $cpu -L "$work/root" "$work/root/usr/bin/doorward"
done
for cpu in cortex-a72 cortex-a76; do "$python" tests/aarch64/same.py "$work" native $cpu; done
echo "test-arm64: passed in $((SECONDS - start)) s"
