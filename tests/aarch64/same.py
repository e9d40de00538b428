"""Compares two machines' runs: `same.py FOLDER ONE OTHER`. Exits with 1 if they differ."""

import json
import pathlib
import sys

folder, *names = sys.argv[1:]
folder = pathlib.Path(folder)


def decisions(name):
    """Who was granted or denied in a row, and how often the relay moved."""
    lines = (folder / f"{name}.events").read_text().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    made = [(e["kind"], e.get("person", {}).get("name")) for e in events if e["kind"] in ("granted", "denied", "unlocked")]
    return [d for i, d in enumerate(made) if i == 0 or made[i - 1] != d]


def faces(name):
    report = json.loads((folder / f"{name}.faces").read_text())
    return [[face["embedding"] for face in picture["faces"]] for picture in report["pictures"]]


one, other = map(decisions, names)
if not one or one != other:
    sys.exit(f"{names}: the decisions differ: {one} and {other}")
one, other = map(faces, names)
if [len(p) for p in one] != [len(p) for p in other]:
    sys.exit(f"{names}: the faces found differ")
cosines = []
for a, b in zip((f for p in one for f in p), (f for p in other for f in p)):
    dot = sum(x * y for x, y in zip(a, b))
    cosines.append(dot / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5)
if not cosines or min(cosines) < 0.99:
    sys.exit(f"{names}: embeddings differ: cosine {min(cosines, default=None)}")
print(f"{names[1]}: same decisions as {names[0]}; {len(cosines)} faces, lowest cosine {min(cosines):.5f}")
