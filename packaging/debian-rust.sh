#!/usr/bin/env bash
# Unpacks Debian's newest Rust with its aarch64 library into FOLDER; nothing is
# installed, and the machine's package lists stay as they are.
#   debian-rust.sh FOLDER
set -euo pipefail
mkdir -p "$1"
folder=$(cd "$1" && pwd)
[ ! -e "$folder/complete" ] || exit 0
command -v apt-get >/dev/null || { echo "rustc has no aarch64 library: rustup target add aarch64-unknown-linux-gnu" >&2; exit 1; }
mkdir -p "$folder"/apt/{lists/partial,archives/partial} "$folder/debs"
apt=(-q -o "Dir::State::Lists=$folder/apt/lists" -o "Dir::Cache=$folder/apt"
    -o APT::Architectures::=amd64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root)
apt-get "${apt[@]}" update
version=$(apt-cache "${apt[@]}" policy rustc-web | sed -n 's/.*Candidate: //p')
library=$(apt-cache "${apt[@]}" depends "libstd-rust-web-dev=$version" | sed -n 's/.*Depends: \(libstd-rust-web-[0-9.]*\)$/\1/p' | head -1)
llvm=$(apt-cache "${apt[@]}" depends "$library=$version" | sed -n 's/.*Depends: \(libllvm[0-9]*\)$/\1/p')
cd "$folder/debs"
apt-get "${apt[@]}" download "rustc-web=$version" "$library=$version" "libstd-rust-web-dev=$version" "libstd-rust-web-dev:arm64=$version" "$llvm"
for package in *.deb; do dpkg-deb -x "$package" "$folder"; done
rm -rf "$folder/debs" "$folder/apt"
touch "$folder/complete"
