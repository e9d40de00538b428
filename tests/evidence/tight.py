#!/usr/bin/env python3
"""Cuts known people's photos tight, to see what recognition is worth where a face fills the picture.

    python3 tests/evidence/tight.py PHOTOS OUT [--doorward PROGRAM] [--config FILE] [--people N] [--sides] [--landmarks]

PHOTOS: one folder a person, as `doorward evaluate` takes it. OUT gets a folder a kind of cut, each a data set of its own:

    box+0, box+5, box+10, box+20   the box of the face plus so many percent of its sides, all round
    forehead-10 ... right-50       the whole picture, cut on one side so many percent into the box (--sides)

The box is the one `doorward identify --json` finds in the whole picture: of several faces the large one in the middle.
The same photos give the same cuts, bit for bit: PNG, no random numbers. Then, for example:

    for cut in OUT/*; do doorward evaluate "$cut" --all; done

OUT/cuts.csv says of each cut what it took, and where the five landmarks were. With --landmarks the faces of the cuts
are found too, and a table says how far their landmarks lie from those in the whole picture, in distances between the
eyes, for the cuts that have all five points inside. Needs pillow (requirements.txt in this folder).
"""

import argparse
import csv
import hashlib
import json
import math
import pathlib
import subprocess
import sys

from PIL import Image

MARGINS_PERCENT = (0, 5, 10, 20)
DEPTHS_PERCENT = (10, 20, 30, 40, 50)
PICTURES_A_CALL = 50
# Of the distance between the eyes.
MAX_ERROR = 0.03
ENDINGS = {".jpg", ".jpeg", ".png"}


def meant(faces, width, height):
    """The face a portrait means: large, and in the middle; as `doorward evaluate` chooses."""

    def value(face):
        x0, y0, x1, y1 = face["rect"]
        aside = ((x0 + x1 - width) / 2) ** 2 + ((y0 + y1 - height) / 2) ** 2
        return (x1 - x0) * (y1 - y0) - 2 * aside

    return max(faces, key=value, default=None)


def margins(rect, width, height):
    x0, y0, x1, y1 = rect
    for percent in MARGINS_PERCENT:
        mx, my = (x1 - x0) * percent / 100, (y1 - y0) * percent / 100
        yield f"box+{percent}", clipped((x0 - mx, y0 - my, x1 + mx, y1 + my), width, height)


def sides(rect, width, height):
    x0, y0, x1, y1 = rect
    for percent in DEPTHS_PERCENT:
        dx, dy = (x1 - x0) * percent / 100, (y1 - y0) * percent / 100
        for side, cut in (
            ("forehead", (0, y0 + dy, width, height)),
            ("chin", (0, 0, width, y1 - dy)),
            ("left", (x0 + dx, 0, width, height)),
            ("right", (0, 0, x1 - dx, height)),
        ):
            yield f"{side}-{percent}", clipped(cut, width, height)


def clipped(cut, width, height):
    x0, y0, x1, y1 = (round(v) for v in cut)
    return max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)


def identified(program, config, paths):
    """What the program found in each picture."""
    call = [program, *(["--config", config] if config else []), "identify", "--json", *map(str, paths)]
    done = subprocess.run(call, capture_output=True, text=True)
    try:
        answer = json.loads(done.stdout)
    except json.JSONDecodeError:
        sys.exit(f"{' '.join(call[:4])}: no JSON came back: {done.stderr.strip()}")
    return {p["picture"]: p.get("faces", []) for p in answer.get("pictures", [answer])}


def landmark_errors(asked, cuts):
    """Per kind of cut: how many, how many with a face, and the mean landmark error of those with all points inside."""
    kinds = {}
    for kind, place, (left, top), landmarks, inside in cuts:
        kinds.setdefault(kind, []).append((place, left, top, landmarks, inside))
    for kind, of_kind in kinds.items():
        errors, found, all_inside = [], 0, 0
        for start in range(0, len(of_kind), PICTURES_A_CALL):
            batch = of_kind[start : start + PICTURES_A_CALL]
            faces = identified(asked.doorward, asked.config, [place for place, *_ in batch])
            for place, left, top, landmarks, inside in batch:
                all_inside += inside
                apart = math.dist(landmarks[0], landmarks[1])
                off = [
                    sum(math.dist((x + left, y + top), was) for (x, y), was in zip(face["landmarks"], landmarks)) / 5
                    for face in faces.get(str(place), [])
                ]
                found += bool(off)
                if off and inside:
                    errors.append(min(off) / apart)
        yield kind, len(of_kind), found, all_inside, sorted(errors)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--doorward", default="target/release/doorward")
    parser.add_argument("--config")
    parser.add_argument("--people", type=int, help="so many people only, chosen by a hash of the name")
    parser.add_argument("--sides", action="store_true", help="also the cuts on one side")
    parser.add_argument("--landmarks", action="store_true", help="also find the faces of the cuts, and compare")
    asked = parser.parse_args()

    root = asked.photos / "images" if (asked.photos / "images").is_dir() else asked.photos
    people = sorted((p for p in root.iterdir() if p.is_dir()), key=lambda p: hashlib.sha256(p.name.encode()).digest())
    people = sorted(people[: asked.people])
    photos = [f for p in people for f in sorted(p.iterdir()) if f.suffix.lower() in ENDINGS]
    if not photos:
        sys.exit(f"{root} holds no photos: make one folder a person")
    asked.out.mkdir(parents=True, exist_ok=True)
    without, made = 0, []
    with open(asked.out / "cuts.csv", "w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(["photo", "cut", "x0", "y0", "x1", "y1", "landmarks_inside", "landmarks"])
        for start in range(0, len(photos), PICTURES_A_CALL):
            batch = photos[start : start + PICTURES_A_CALL]
            found = identified(asked.doorward, asked.config, batch)
            for photo in batch:
                picture = Image.open(photo).convert("RGB")
                face = meant(found.get(str(photo), []), *picture.size)
                if face is None:
                    without += 1
                    continue
                cuts = list(margins(face["rect"], *picture.size))
                if asked.sides:
                    cuts += sides(face["rect"], *picture.size)
                for name, (x0, y0, x1, y1) in cuts:
                    if x1 - x0 < 2 or y1 - y0 < 2:
                        continue
                    place = asked.out / name / photo.parent.name / (photo.stem + ".png")
                    place.parent.mkdir(parents=True, exist_ok=True)
                    picture.crop((x0, y0, x1, y1)).save(place)
                    inside = all(x0 <= x <= x1 - 1 and y0 <= y <= y1 - 1 for x, y in face["landmarks"])
                    short = f"{photo.parent.name}/{photo.stem}"
                    made.append((name, place, (x0, y0), face["landmarks"], inside))
                    rows.writerow([short, name, x0, y0, x1, y1, int(inside), json.dumps(face["landmarks"])])
            print(f"{min(start + PICTURES_A_CALL, len(photos))} of {len(photos)} photos", file=sys.stderr)
    print(f"{len(photos) - without} photos cut into {asked.out}, {without} without a face")
    if asked.landmarks:
        print("cut, cuts, with a face, all points inside, error median, 95 %, share of at most 3 %")
        for kind, count, found, inside, errors in landmark_errors(asked, made):
            if errors:
                middle, high = errors[len(errors) // 2], errors[len(errors) * 95 // 100]
                within = sum(e <= MAX_ERROR for e in errors) / len(errors)
                print(f"{kind}, {count}, {found}, {inside}, {middle:.4f}, {high:.4f}, {within:.3f}")
            else:
                print(f"{kind}, {count}, {found}, {inside}, -, -, -")


if __name__ == "__main__":
    main()
