"""A frozen FaceNet graph as David Sandberg's freeze_graph.py leaves one, with random weights, to try the import with.

    python models/frozen.py OUT.pb EMBEDDINGS.npz SIZE

Inception-ResNet-v1 (Szegedy et al. 2016) by the names his graphs have. `phase_train` stays as a placeholder, and every
batch normalisation stands twice behind it, for training and not; what is left of the input queue is not written, for no
weight needs it. EMBEDDINGS.npz gets pictures (0..255, RGB) and what the graph says of them, computed beside it.
"""

import sys
from pathlib import Path

import numpy as np

ROOT = "InceptionResnetV1/"
EPSILON = 1e-3

# Each branch's layers: name, outputs, kernel (height, width).
_B35 = [[("Conv2d_1x1", 32, (1, 1))],
        [("Conv2d_0a_1x1", 32, (1, 1)), ("Conv2d_0b_3x3", 32, (3, 3))],
        [("Conv2d_0a_1x1", 32, (1, 1)), ("Conv2d_0b_3x3", 32, (3, 3)), ("Conv2d_0c_3x3", 32, (3, 3))]]
_B17 = [[("Conv2d_1x1", 128, (1, 1))],
        [("Conv2d_0a_1x1", 128, (1, 1)), ("Conv2d_0b_1x7", 128, (1, 7)), ("Conv2d_0c_7x1", 128, (7, 1))]]
_B8 = [[("Conv2d_1x1", 192, (1, 1))],
       [("Conv2d_0a_1x1", 192, (1, 1)), ("Conv2d_0b_1x3", 192, (1, 3)), ("Conv2d_0c_3x1", 192, (3, 1))]]
_MIXED_6A = [[("Conv2d_1a_3x3", 384, (3, 3))],
             [("Conv2d_0a_1x1", 192, (1, 1)), ("Conv2d_0b_3x3", 192, (3, 3)), ("Conv2d_1a_3x3", 256, (3, 3))]]
_MIXED_7A = [[("Conv2d_0a_1x1", 256, (1, 1)), ("Conv2d_1a_3x3", 384, (3, 3))],
             [("Conv2d_0a_1x1", 256, (1, 1)), ("Conv2d_1a_3x3", 256, (3, 3))],
             [("Conv2d_0a_1x1", 256, (1, 1)), ("Conv2d_0b_3x3", 256, (3, 3)), ("Conv2d_1a_3x3", 256, (3, 3))]]


def _key(field: int, kind: int) -> bytes:
    return _number(field << 3 | kind)


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, 2) + _number(len(value)) + value


def _tensor(values: np.ndarray) -> bytes:
    shape = b"".join(_bytes(2, _key(1, 0) + _number(side)) for side in values.shape)
    return _key(1, 0) + _number(1) + _bytes(2, shape) + _bytes(4, values.astype("<f4").tobytes())


class Graph:
    """Writes nodes down and computes them at the same time, as if `phase_train` were false."""

    def __init__(self, pictures: np.ndarray, seed: int):
        self.random, self.data = np.random.default_rng(seed), b""
        self.pictures = pictures
        self.convolution = "Conv2D"

    def node(self, name: str, op: str, *inputs: str, value: np.ndarray | None = None, dtype: int = 1) -> str:
        # The type is the attribute "dtype" of constants and placeholders.
        attributes = [(b"dtype", _key(6, 0) + _number(dtype))] if op in ("Const", "Placeholder") else []
        if value is not None:
            attributes.append((b"value", _bytes(8, _tensor(value))))
        entries = b"".join(_bytes(5, _bytes(1, key) + _bytes(2, entry)) for key, entry in attributes)
        body = _bytes(1, name.encode()) + _bytes(2, op.encode())
        self.data += _bytes(1, body + b"".join(_bytes(3, i.encode()) for i in inputs) + entries)
        return name

    def variable(self, name: str, value: np.ndarray) -> np.ndarray:
        """A variable that was frozen: a constant and the node that read it."""
        value = value.astype(np.float32)
        self.node(name, "Const", value=value)
        self.node(name + "/read", "Identity", name)
        return value.astype(np.float64)

    def normalised(self, scope: str, x: np.ndarray, given: str) -> np.ndarray:
        """Batch normalisation without gamma, behind the switch on `phase_train`."""
        size, norm = x.shape[-1], scope + "/BatchNorm"
        beta = self.variable(norm + "/beta", self.random.normal(0, 0.2, size))
        mean = self.variable(norm + "/moving_mean", self.random.normal(0, 0.2, size))
        variance = self.variable(norm + "/moving_variance", self.random.uniform(0.5, 1.5, size))
        self.node(norm + "/Const", "Const", value=np.ones(size))
        pred = self.node(norm + "/cond/pred_id", "Identity", "phase_train")
        self.node(norm + "/cond/Switch", "Switch", "phase_train", "phase_train")
        for suffix in ("", "_1"):
            inside = norm + "/cond/FusedBatchNorm" + suffix
            parts = [given, norm + "/Const", norm + "/beta/read"]
            parts += [norm + "/moving_mean/read", norm + "/moving_variance/read"] if suffix else []
            switched = [self.node(f"{inside}/Switch{i or ''}", "Switch", part, pred) for i, part in enumerate(parts)]
            self.node(inside, "FusedBatchNorm", *switched)
        self.node(norm + "/cond/Merge", "Merge", norm + "/cond/FusedBatchNorm_1", norm + "/cond/FusedBatchNorm")
        return (x - mean) / np.sqrt(variance + EPSILON) + beta

    def conv(self, scope: str, x: np.ndarray, outputs: int, kernel: tuple, stride: int = 1, same: bool = True,
             plain: bool = False) -> np.ndarray:
        """With `plain` there is a bias in place of normalisation and ReLU."""
        scope, (high, wide) = ROOT + scope, kernel
        fan = high * wide * x.shape[-1]
        weight = self.variable(scope + "/weights", self.random.normal(0, (2 / fan) ** 0.5, (high, wide, x.shape[-1], outputs)))
        product = self.node(f"{scope}/{self.convolution}", "Conv2D", "x", scope + "/weights/read")
        if same:
            x = np.pad(x, ((0, 0), (high // 2, high // 2), (wide // 2, wide // 2), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(1, 2))[:, ::stride, ::stride]
        y = np.einsum("nyxcij,ijco->nyxo", windows, weight, optimize=True)
        if plain:
            bias = self.variable(scope + "/biases", self.random.normal(0, 0.1, outputs))
            self.node(scope + "/BiasAdd", "BiasAdd", product, scope + "/biases/read")
            return y + bias
        y = self.normalised(scope, y, product)
        self.node(scope + "/Relu", "Relu", scope + "/BatchNorm/cond/Merge")
        return np.maximum(y, 0)

    def branches(self, block: str, x: np.ndarray, layers: list, pool: bool = False) -> np.ndarray:
        ends = []
        for number, branch in enumerate(layers):
            y = x
            for name, outputs, kernel in branch:
                halved = "_1a_" in name
                y = self.conv(f"{block}/Branch_{number}/{name}", y, outputs, kernel, 2 if halved else 1, not halved)
            ends.append(y)
        return np.concatenate(ends + [_pool(x)] if pool else ends, -1)

    def residual(self, block: str, x: np.ndarray, layers: list, scale: float, relu: bool = True) -> np.ndarray:
        up = self.conv(block + "/Conv2d_1x1", self.branches(block, x, layers), x.shape[-1], (1, 1), plain=True)
        self.node(ROOT + block + "/mul/x", "Const", value=np.array(scale))
        y = x + np.float64(np.float32(scale)) * up
        return np.maximum(y, 0) if relu else y

    def run(self, size: int) -> np.ndarray:
        """Embeddings [pictures, size] of unit length."""
        # His networks of 128 numbers are from 2017, when TensorFlow called these nodes so.
        self.convolution = "convolution" if size == 128 else "Conv2D"
        self.node("input", "Placeholder")
        self.node("phase_train", "Placeholder", dtype=10)
        self.node("image_batch", "Identity", "input")
        x = (self.pictures - 127.5) / 128
        x = self.conv("Conv2d_1a_3x3", x, 32, (3, 3), 2, same=False)
        x = self.conv("Conv2d_2a_3x3", x, 32, (3, 3), same=False)
        x = _pool(self.conv("Conv2d_2b_3x3", x, 64, (3, 3)))
        x = self.conv("Conv2d_3b_1x1", x, 80, (1, 1), same=False)
        x = self.conv("Conv2d_4a_3x3", x, 192, (3, 3), same=False)
        x = self.conv("Conv2d_4b_3x3", x, 256, (3, 3), 2, same=False)
        for number in range(1, 6):
            x = self.residual(f"Repeat/block35_{number}", x, _B35, 0.17)
        x = self.branches("Mixed_6a", x, _MIXED_6A, pool=True)
        for number in range(1, 11):
            x = self.residual(f"Repeat_1/block17_{number}", x, _B17, 0.10)
        x = self.branches("Mixed_7a", x, _MIXED_7A, pool=True)
        for number in range(1, 6):
            x = self.residual(f"Repeat_2/block8_{number}", x, _B8, 0.20)
        x = self.residual("Block8", x, _B8, 1.0, relu=False).mean((1, 2))
        scope = ROOT + "Bottleneck"
        weight = self.variable(scope + "/weights", self.random.normal(0, (1 / x.shape[1]) ** 0.5, (x.shape[1], size)))
        self.node(scope + "/MatMul", "MatMul", ROOT + "Logits/Flatten", scope + "/weights/read")
        x = self.normalised(scope, x @ weight, scope + "/MatMul")
        self.node("embeddings", "Mul", scope + "/BatchNorm/cond/Merge", "embeddings/Rsqrt")
        return x / np.linalg.norm(x, axis=1, keepdims=True)


def _pool(x: np.ndarray) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::2, ::2].max((-2, -1))


def main() -> None:
    out, embeddings, size = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    y, x = np.mgrid[0:160, 0:160] / 160
    waves = [[np.sin(9 * x + c) + np.cos(5 * y * (c + 1)), np.sin(20 * (x - 0.5) ** 2 + 30 * (y - 0.5) ** 2 + c)]
             for c in range(3)]
    pictures = np.round(np.array(waves).transpose(1, 2, 3, 0) * 60 + 127.5).clip(0, 255)
    graph = Graph(pictures, seed=2)
    said = graph.run(size)
    out.write_bytes(graph.data)
    np.savez(embeddings, pictures=pictures, embeddings=said)
    print(f"{out}: {len(graph.data) >> 20} MiB, embeddings of {size} numbers")


if __name__ == "__main__":
    main()
