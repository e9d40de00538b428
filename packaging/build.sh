#!/usr/bin/env bash
# Makes a Debian package in target/debian.
#   build.sh            for this machine's processor
#   build.sh arm64      for aarch64, on any machine, without containers; its binary
#                       needs glibc 2.31 or newer (Pi OS Bookworm, JetPack 5)
set -euo pipefail
project=$(cd "$(dirname "$0")/.." && pwd)
cd "$project"
wanted=${1:-native}
stage=target/package
tools=$project/target/tools
python=${PYTHON:-python3}
CARGO_DEB=3.8.0
ZIGBUILD=0.24.1
ZIG=0.17.1

if ! "$tools/bin/cargo-deb" --version 2>/dev/null | grep -qwF "$CARGO_DEB"; then
    echo "building cargo-deb $CARGO_DEB" >&2
    cargo install --quiet --locked --debug --force --root "$tools" --target-dir "$tools/target" "cargo-deb@$CARGO_DEB"
    rm -rf "$tools/target"
fi

# What every package has: help as man pages and completions, made by the program itself.
cargo build --release --bin doorward
rm -rf "$stage" && mkdir -p "$stage"
target/release/doorward generate man "$stage/man"
target/release/doorward generate completions bash >"$stage/doorward.bash"
target/release/doorward generate completions zsh >"$stage/_doorward"
target/release/doorward generate completions fish >"$stage/doorward.fish"
take_runtime() { # FOLDER
    cp "$1"/libonnxruntime.so.* "$stage/libonnxruntime.so"
    cp "$1"/LICENSE.onnxruntime "$1"/ThirdPartyNotices.onnxruntime.txt "$stage/"
}

if [ "$wanted" = native ]; then
    "$python" models/fetch_runtime.py .runtime
    take_runtime .runtime
    "$tools/bin/cargo-deb" --no-build --no-strip --quiet
    exit
fi

[ "$wanted" = arm64 ] || { echo "build.sh: $wanted is not a processor known here" >&2; exit 2; }
"$python" models/fetch_runtime.py .runtime/aarch64 --arch aarch64
take_runtime .runtime/aarch64

# The linker: zig brings glibc's symbols of any version.
if [ ! -x "$tools/venv/bin/cargo-zigbuild" ]; then
    "$python" -m venv "$tools/venv"
    "$tools/venv/bin/pip" install --quiet "cargo-zigbuild==$ZIGBUILD" "ziglang==$ZIG"
fi
# The standard library for aarch64: rustup's where it is installed, else Debian's
# compiler and library, unpacked into a folder and not installed.
triple=aarch64-unknown-linux-gnu
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$triple" ]; then
    "$project/packaging/debian-rust.sh" "$tools/rust"
    export RUSTC=$tools/rust/usr/bin/rustc LD_LIBRARY_PATH=$tools/rust/usr/lib/x86_64-linux-gnu
fi
export CARGO_ZIGBUILD_ZIG_PATH=$tools/venv/bin/python-zig PATH=$tools/venv/bin:$PATH
cargo zigbuild --release --bin doorward --features rppal --target $triple.2.31
"$tools/bin/cargo-deb" --no-build --no-strip --quiet --target $triple --variant arm64
