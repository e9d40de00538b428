#!/usr/bin/env python3
"""Measures the mean face of each member of an ensemble, on photos of known people, and takes half of it.

    python3 models/centres.py PHOTOS --member sface-int8 --member facenet128-int8 --out FILE
    python3 models/centres.py PHOTOS --models my-models --ensemble sface-int8-vggface2-int8

The second measures the members of an ensemble in the manifest of my-models, and puts the means there. It is another
model version from then on: calibrate it afterwards.

PHOTOS has one folder a person; the largest face of each photo counts, and each person
as much as any other. Half, because faces that the picture's border cuts have their black edge in
common: with the whole mean taken off, they resemble each other too often.
FILE holds 32-bit floats, little-endian, member after member, as
[[ensemble]] in manifest.toml wants them. Each number blends all people; 500 people or
more make a mean that does not depend on who they are. Needs `make build`, and any Python.
"""

import argparse
import array
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import manifest

PROJECT = Path(__file__).resolve().parent.parent
PICTURES_AT_A_TIME = 64
MIN_PEOPLE = 200
SHARE = 0.5
ENDINGS = {".jpg", ".jpeg", ".png"}


def people(folder: Path) -> dict:
    """Person -> photos."""
    found = {}
    for person in sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0] not in "@."):
        photos = [p for p in sorted(person.iterdir())
                  if p.suffix.lower() in ENDINGS and not p.name.startswith(".")]
        if photos:
            found[person.name] = photos
    return found


def embed(program: Path, config: Path, photos: list) -> list:
    """The embedding of the largest face of each photo that has one; others are counted."""
    vectors = []
    for first in range(0, len(photos), PICTURES_AT_A_TIME):
        some = photos[first:first + PICTURES_AT_A_TIME]
        done = subprocess.run([program, "--config", config, "identify", "--json", *some],
                              stdout=subprocess.PIPE, text=True, check=True)
        answer = json.loads(done.stdout)
        for picture in answer.get("pictures", [answer]):
            faces = [f for f in picture["faces"] if f.get("embedding")]
            vectors.append(faces[0]["embedding"] if faces else None)
    return vectors


def mean(vectors: list) -> list:
    return [sum(column) / len(vectors) for column in zip(*vectors)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--member", action="append", default=[], metavar="ID")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--ensemble", metavar="ID", help="in place of --member and --out")
    parser.add_argument("--models", type=Path, default=PROJECT / "models")
    parser.add_argument("--program", type=Path, default=PROJECT / "target/release/doorward")
    given = parser.parse_args()
    if bool(given.ensemble) == bool(given.member and given.out) or (given.ensemble and (given.member or given.out)):
        parser.error("give --member and --out, or --ensemble")
    if given.ensemble:
        given.member = manifest.members(given.models, given.ensemble)
        if not given.member:
            sys.exit(f"centres: {given.models / 'manifest.toml'} has no [[ensemble]] \"{given.ensemble}\"")
    known = people(given.photos)
    if len(known) < MIN_PEOPLE:
        sys.exit(f"centres: {given.photos} has photos of {len(known)} people, at least {MIN_PEOPLE} are needed: "
                 "one folder a person")
    runtime = sorted((PROJECT / ".runtime").glob("libonnxruntime.so.*"))
    if not runtime:
        sys.exit("centres: ONNX Runtime is not there; run `make runtime`")
    values = array.array("f")
    for member in given.member:
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "doorward.toml"
            config.write_text(
                f"[models]\ndir = {json.dumps(str(given.models.resolve()))}\n"
                f"runtime = {json.dumps(str(runtime[-1].resolve()))}\nchoose = [{json.dumps(member)}]\n"
                # Whoever it is does not matter here; without a calibration `identify` wants a threshold.
                f"[access]\nthreshold = 1.0\n[vision]\nmin_face_px = 40\n[whitelist]\ndatabase = {json.dumps(folder + '/none.db')}\n")
            photos = [photo for some in known.values() for photo in some]
            vectors = iter(embed(given.program, config, photos))
        means, missing = [], 0
        for some in known.values():
            own = [v for v in (next(vectors) for _ in some) if v is not None]
            missing += len(some) - len(own)
            if own:
                means.append(mean(own))
        print(f"{member}: {len(means)} people, {len(photos) - missing} photos, {missing} without a face")
        values.extend(SHARE * value for value in mean(means))
    if sys.byteorder == "big":
        values.byteswap()
    if given.ensemble:
        manifest.put_centres(given.models, given.ensemble, values.tobytes())
        print(f"{given.models / 'manifest.toml'} has them; calibrate {given.ensemble} now")
        return
    given.out.write_bytes(values.tobytes())
    print(f"{given.out}: {hashlib.sha256(values.tobytes()).hexdigest()}")


if __name__ == "__main__":
    main()
