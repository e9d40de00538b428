#!/usr/bin/env python3
"""Puts ONNX Runtime's shared library into a folder.

    python3 models/fetch_runtime.py FOLDER [--arch x86_64|aarch64]

The library comes out of the PyPI wheel named below, fetched by pip and checked
against its SHA-256. Only the standard library and pip are needed; the wheel is
the one for one fixed Python because the shared library inside is the same.
"""

import argparse
import hashlib
import pathlib
import platform
import subprocess
import sys
import tempfile
import zipfile

VERSION = "1.28.0"
WHEEL_SHA256 = {
    "x86_64": "54fa221d669282bd8f582708ce4c96010a7e9fb0661f9006b37fe2fedafb73fe",
    "aarch64": "f649dd6f6452d12a8059888aa489fe519e062e18793dac72b9efa0f9fdb64135",
}
# Of the library inside, which the manifest lists for the daemon to compare.
LIBRARY_SHA256 = {
    "x86_64": "aa4079d18f4ea7a5f3a94d80cd4bbe0f2740436626622d64d793803a20381083",
    "aarch64": "23a37c2994bc273e1d59a4f49af6cba5bf1cfbc29f04907ec27df375aba50a7d",
}
MEMBERS = {
    f"onnxruntime/capi/libonnxruntime.so.{VERSION}": f"libonnxruntime.so.{VERSION}",
    "onnxruntime/LICENSE": "LICENSE.onnxruntime",
    "onnxruntime/ThirdPartyNotices.txt": "ThirdPartyNotices.onnxruntime.txt",
}


def pip():
    """The pip that is here; Debian ships Python without it."""
    command = [sys.executable, "-m", "pip"]
    if subprocess.run([*command, "--version"], capture_output=True).returncode == 0:
        return command
    print("pip is not here; installing Debian's python3-pip", file=sys.stderr)
    install = ["apt-get", "install", "-y", "--no-install-recommends", "python3-pip"]
    for prefix in ([], ["sudo", "-n"]):
        try:
            if subprocess.run([*prefix, *install]).returncode == 0:
                return ["/usr/bin/python3", "-m", "pip"]
        except FileNotFoundError:
            pass
    sys.exit("pip is missing and could not be installed: run 'sudo apt install python3-pip' and try again")


def main():
    parser = argparse.ArgumentParser(description="Fetch ONNX Runtime's shared library from PyPI.")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--arch", default=platform.machine(), help="the machine it is for (default: this one)")
    options = parser.parse_args()
    wanted = WHEEL_SHA256.get(options.arch)
    if wanted is None:
        sys.exit(f"there is no ONNX Runtime wheel for {options.arch}: doorward runs on {' and '.join(WHEEL_SHA256)}")

    stamp = options.folder / f"{VERSION}-{options.arch}.ok"
    if stamp.exists() and all((options.folder / name).exists() for name in MEMBERS.values()):
        return

    with tempfile.TemporaryDirectory() as scratch:
        fetch = [
            *pip(), "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--only-binary=:all:", "--implementation=cp", "--python-version=3.13", "--abi=cp313",
            f"--platform=manylinux_2_27_{options.arch}", f"--platform=manylinux_2_28_{options.arch}",
            f"--dest={scratch}", f"onnxruntime=={VERSION}",
        ]
        if subprocess.run(fetch).returncode != 0:
            sys.exit(f"pip could not fetch onnxruntime {VERSION}: is this machine online?")
        (wheel,) = pathlib.Path(scratch).glob("*.whl")
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != wanted:
            sys.exit(f"{wheel.name}: its SHA-256 is {found}, not {wanted}: not used")
        options.folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive:
            for member, name in MEMBERS.items():
                # Renamed into place, so that an interrupted run leaves no half library.
                part, content = options.folder / (name + ".part"), archive.read(member)
                found = hashlib.sha256(content).hexdigest()
                if ".so" in name and found != LIBRARY_SHA256[options.arch]:
                    sys.exit(f"{member}: its SHA-256 is {found}, not {LIBRARY_SHA256[options.arch]}: not used")
                part.write_bytes(content)
                part.replace(options.folder / name)
    stamp.touch()
    print(f"ONNX Runtime {VERSION} for {options.arch} is in {options.folder}")


if __name__ == "__main__":
    main()
