"""Reads the constants of a frozen TensorFlow graph (.pb): protobuf's wire format by hand, no TensorFlow.

Only what weights need is understood: GraphDef.node (1), NodeDef name (1), op (2), input (3), attr (5), and in
an attribute a tensor (8) with dtype (1), shape (2), tensor_content (4) or float_val (5). See tensorflow/core/
framework/*.proto.
"""

from pathlib import Path

import numpy as np

from weights import SourceError

_FLOAT = 1


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("a number is too long")


def _fields(data: memoryview):
    """(field number, value): a number, or the bytes of a string, message or packed list."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
        elif kind in (1, 2, 5):
            size, at = (8, at) if kind == 1 else (4, at) if kind == 5 else _varint(data, at)
            value, at = data[at:at + size], at + size
            if len(value) != size:
                raise ValueError("it ends too early")
        else:
            raise ValueError(f"wire type {kind}")
        yield key >> 3, value


def _tensor(data: memoryview):
    dtype, shape, content, values = 0, [], None, []
    for field, value in _fields(data):
        if field == 1:
            dtype = value
        elif field == 2:
            shape = [next((n for inner, n in _fields(dim) if inner == 1), 0) for axis, dim in _fields(value) if axis == 2]
        elif field == 4:
            content = np.frombuffer(value, "<f4") if dtype == _FLOAT else None
        elif field == 5:
            values.append(np.frombuffer(value, "<f4"))
    if dtype != _FLOAT:
        return None
    flat = content if content is not None else np.concatenate(values) if values else np.zeros(1, np.float32)
    # A single value stands for a tensor full of it.
    return np.full(shape, flat[0]) if flat.size == 1 else flat.reshape(shape)


class Graph:
    """Every float constant by its name, and each node's operation and inputs."""

    def __init__(self, path: Path):
        self.constants, self.nodes = {}, {}
        try:
            self._read(memoryview(path.read_bytes()))
        except (ValueError, IndexError, TypeError) as error:
            raise SourceError(f"{path} is no frozen TensorFlow graph ({error}): give the .pb that holds the weights, "
                              f"not a checkpoint or a SavedModel") from error
        if not self.constants:
            raise SourceError(f"{path} holds no weights: give the frozen .pb, not a checkpoint's graph")

    def _read(self, data: memoryview) -> None:
        for field, node in _fields(data):
            if field != 1:
                continue
            name, op, inputs, tensor = "", "", [], None
            for part, value in _fields(node):
                if part == 1:
                    name = bytes(value).decode()
                elif part == 2:
                    op = bytes(value).decode()
                elif part == 3:
                    inputs.append(bytes(value).decode().split(":")[0])
                elif part == 5 and op == "Const":
                    entry = dict(_fields(value))
                    if bytes(entry.get(1, b"")) == b"value":
                        tensor = next((_tensor(v) for kind, v in _fields(entry[2]) if kind == 8), None)
            self.nodes[name] = (op, inputs)
            if tensor is not None:
                self.constants[name] = tensor
