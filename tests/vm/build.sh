#!/usr/bin/env bash
# Builds the virtual machine once: a User-Mode Linux kernel with virtual cameras and
# GPIO, and a Debian root. Needs root and a Debian 12 host; nothing of it needs KVM.
#   build.sh CACHE    prints the folders of the kernel and of the root
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$1

cannot() { echo "the virtual machine cannot be built here: $1" >&2; exit 3; }
[ "$(id -u)" = 0 ] || cannot "that needs root"
command -v apt-get >/dev/null || cannot "that needs Debian's apt-get"

packages="flex bison bc libelf-dev libssl-dev zstd cpio kmod mmdebstrap xz-utils e2fsprogs linux-source-6.1"
# shellcheck disable=SC2086
if ! dpkg -s $packages >/dev/null 2>&1; then
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages; } >&2 ||
        cannot "its packages cannot be installed ($packages)"
fi
mkdir -p "$cache"
"$here/kernel.sh" "$cache"
"$here/root.sh" "$cache"
