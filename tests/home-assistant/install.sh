#!/usr/bin/env bash
# Home Assistant under target/home-assistant, pinned, for tests/home_assistant.rs; some minutes the
# first time. Says SKIPPED where there is no Python that it runs on.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}/home-assistant
version=2025.4.4
requires=${DOORWARD_REQUIRE:-}

skip() {
    echo "home-assistant: SKIPPED, nothing was installed: no home-assistant: $1"
    [[ " ${requires//,/ } " != *" home-assistant "* ]] || { echo "DOORWARD_REQUIRE=$requires wants it"; exit 1; }
    exit 0
}

done=$target/$version.ok
[ ! -f "$done" ] || exit 0
for python in ${HOME_ASSISTANT_PYTHON:-} python3.13 "$HOME"/.pyenv/versions/3.13.*/bin/python; do
    if "$python" -c 'import sys, venv; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
        found=$python
        break
    fi
done
[ -n "${found:-}" ] || skip "Home Assistant $version needs Python 3.13; HOME_ASSISTANT_PYTHON may name one"
rm -rf "$target"
mkdir -p "$target"
{
    "$found" -m venv "$target/venv"
    "$target/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check "homeassistant==$version"
    "$target/venv/bin/python" "$here/needs.py" >"$target/needs.txt"
    constraints=$("$target/venv/bin/python" -c 'import homeassistant, pathlib; print(pathlib.Path(homeassistant.__file__).parent / "package_constraints.txt")')
    "$target/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check -r "$target/needs.txt" -c "$constraints"
} >"$target/install.log" 2>&1 || { tail -3 "$target/install.log"; skip "pip cannot install it"; }
touch "$done"
echo "Home Assistant $version is in $target"
