#!/usr/bin/env bash
# Walks through the page in headless Chromium: `make test-web`, and with `real` as its word through
# that of a real door, `make test-web-real`. Installs what that needs by name, Chromium by apt and
# two packages by npm, and says SKIPPED where it cannot.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$project/target}
requires=${DOORWARD_REQUIRE:-}

skip() {
    echo "test-web: SKIPPED, nothing was tested: no browser: $1"
    [[ " ${requires//,/ } " != *" browser "* ]] || { echo "DOORWARD_REQUIRE=$requires wants it to run"; exit 1; }
    exit 0
}

chromium=$(command -v chromium || command -v chromium-browser || true)
if [ -z "$chromium" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing chromium ..."
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core; } >"$target/chromium.log" 2>&1 || true
    chromium=$(command -v chromium || true)
fi
[ -n "$chromium" ] || skip "chromium is missing: apt install chromium"
command -v npm >/dev/null || skip "npm is missing: apt install npm"

# Beside the test, and not in it: nothing of it is anybody's dependency.
walk=$target/web-walk
mkdir -p "$walk"
cp "$here/package.json" "$here/"*.mjs "$walk/"
(cd "$walk" && npm install --no-audit --no-fund --ignore-scripts --silent) || skip "npm cannot install puppeteer-core and axe-core"

screenshots=$target/screenshots
photos=$project/tests/photos
if [ "${1:-}" = real ]; then
    screenshots+=-real
    walked=("$walk/real.mjs" "$target/release/examples/demo-web" "$chromium" "$photos/joe-biden/01.jpg")
else
    walked=("$walk/walk.mjs" "$target/debug/examples/page" "$chromium" "$photos/eileen-collins/01.jpg")
fi
rm -rf "$screenshots"
node "${walked[@]}" "$screenshots"
echo "screenshots are in $screenshots"
