"""Inception-ResNet-v1, David Sandberg's FaceNet, from weights that are known by name.

The names are those of his TensorFlow graphs; `from_torch` gives facenet-pytorch's tensors these names. Every
batch normalisation and residual scale is folded into its convolution.
"""

import numpy as np
import onnx

from graph import Graph
from graphdef import Graph as FrozenGraph
from weights import SourceError

EPSILON = 1e-3
ROOT = "InceptionResnetV1/"


class FromTensorflow:
    """The weights of a frozen graph, its batch normalisations separate or folded already."""

    def __init__(self, graph: FrozenGraph):
        self._graph = graph

    def _constant(self, name: str):
        return self._graph.constants.get(ROOT + name)

    def layer(self, scope: str) -> tuple[np.ndarray, np.ndarray]:
        """Weight as [out, in, height, width] (a dense layer: [out, in]) and bias."""
        weight = self._constant(scope + "/weights")
        if weight is None:
            raise SourceError(f"the graph has no {ROOT}{scope}/weights: it is not an Inception-ResNet-v1 FaceNet")
        weight = weight.astype(np.float64)
        weight = weight.transpose(3, 2, 0, 1) if weight.ndim == 4 else weight.T
        mean = self._constant(scope + "/BatchNorm/moving_mean")
        if mean is not None:
            return fold(weight, None, self._constant(scope + "/BatchNorm/gamma"),
                        self._constant(scope + "/BatchNorm/beta"), mean,
                        self._constant(scope + "/BatchNorm/moving_variance"))
        # Older versions of TensorFlow call the convolution of a layer "convolution".
        layers = [ROOT + scope + name for name in ("/Conv2D", "/convolution")]
        for op, inputs in self._graph.nodes.values():
            if op == "BiasAdd" and inputs[0] in layers:
                return weight, self._graph.constants[inputs[1].removesuffix("/read")].astype(np.float64)
        raise SourceError(f"the graph has neither a bias nor a batch normalisation for {ROOT}{scope}")

    def scale(self, block: str, usual: float) -> float:
        found = self._constant(block + "/mul/x")
        return usual if found is None else float(found)


class FromTorch:
    """The tensors of facenet-pytorch's InceptionResnetV1."""

    _REPEATS = {"Repeat/block35": "repeat_1", "Repeat_1/block17": "repeat_2", "Repeat_2/block8": "repeat_3"}

    def __init__(self, tensors: dict[str, np.ndarray]):
        self._tensors = tensors

    def _name(self, scope: str) -> str:
        if scope == "Bottleneck":
            return "last_linear"
        if "/Branch_" in scope:
            block, _, layer = scope.rpartition("/Branch_")
            branch, _, layer = layer.partition("/")
            order = BRANCHES[kind(block)][int(branch)]
            layer = f"branch{branch}" if len(order) == 1 else f"branch{branch}.{order.index(layer)}"
        elif "/" in scope:
            block, layer = scope.rpartition("/")[0], "conv2d"
        else:  # the stem
            return "_".join(scope.split("_")[:2]).lower()
        for ours, theirs in self._REPEATS.items():
            if block.startswith(ours):
                return f"{theirs}.{int(block.rsplit('_', 1)[1]) - 1}.{layer}"
        return f"{block.lower()}.{layer}"

    def layer(self, scope: str) -> tuple[np.ndarray, np.ndarray]:
        name = self._name(scope)
        tensor = lambda key: None if (t := self._tensors.get(key)) is None else t.astype(np.float64)
        weight, bias = tensor(name + ".conv.weight"), None
        if weight is None:
            weight, bias = tensor(name + ".weight"), tensor(name + ".bias")
        if weight is None:
            raise SourceError(f"the file has no tensor {name}: it is not an InceptionResnetV1 of facenet-pytorch")
        norm = "last_bn" if scope == "Bottleneck" else name + ".bn"
        if norm + ".running_mean" not in self._tensors:
            return weight, bias
        return fold(weight, bias, *(tensor(f"{norm}.{key}") for key in ("weight", "bias", "running_mean", "running_var")))

    def scale(self, block: str, usual: float) -> float:
        return usual


def fold(weight, bias, gamma, beta, mean, variance):
    factor = (1 if gamma is None else gamma) / np.sqrt(variance.astype(np.float64) + EPSILON)
    shape = (-1,) + (1,) * (weight.ndim - 1)
    return weight * factor.reshape(shape), ((0 if bias is None else bias) - mean) * factor + beta


def kind(block: str) -> str:
    for name in BRANCHES:
        if name in block:
            return name
    raise SourceError(f"{block} is no block of Inception-ResNet-v1")


# Convolutions of each block's branches, in their order. A 1a layer has stride 2 and no padding.
BRANCHES = {
    "block35": [["Conv2d_1x1"], ["Conv2d_0a_1x1", "Conv2d_0b_3x3"], ["Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_0c_3x3"]],
    "Mixed_6a": [["Conv2d_1a_3x3"], ["Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_1a_3x3"]],
    "block17": [["Conv2d_1x1"], ["Conv2d_0a_1x1", "Conv2d_0b_1x7", "Conv2d_0c_7x1"]],
    "Mixed_7a": [["Conv2d_0a_1x1", "Conv2d_1a_3x3"], ["Conv2d_0a_1x1", "Conv2d_1a_3x3"],
                 ["Conv2d_0a_1x1", "Conv2d_0b_3x3", "Conv2d_1a_3x3"]],
    "lock8": [["Conv2d_1x1"], ["Conv2d_0a_1x1", "Conv2d_0b_1x3", "Conv2d_0c_3x1"]],
}


def build(source, raw_input: bool) -> tuple[onnx.ModelProto, int]:
    """The network and its embedding's size. With `raw_input` (x - 127.5) / 128 is done by the first convolution."""
    graph = Graph()

    def conv(scope: str, x: str, stride: int = 1, same: bool = True, relu: bool = True, scale: float = 1.0) -> str:
        weight, bias = source.layer(scope)
        if scope == "Conv2d_1a_3x3" and raw_input:
            weight, bias = weight / 128, bias - weight.sum((1, 2, 3)) * 127.5 / 128
        pads = [(side - 1) // 2 if same else 0 for side in weight.shape[2:]] * 2
        y = graph.conv(scope, x, weight * scale, bias * scale, stride, pads)
        return graph.add("Relu", scope + "/Relu", y) if relu else y

    def branches(block: str, x: str, pool: bool = False) -> str:
        ends = []
        for number, layers in enumerate(BRANCHES[kind(block)]):
            y = x
            for layer in layers:
                halved = "_1a_" in layer
                y = conv(f"{block}/Branch_{number}/{layer}", y, 2 if halved else 1, not halved)
            ends.append(y)
        if pool:
            ends.append(graph.add("MaxPool", block + "/pool", x, kernel_shape=[3, 3], strides=[2, 2]))
        return graph.add("Concat", block + "/concat", *ends, axis=1)

    def residual(block: str, x: str, scale: float, relu: bool = True) -> str:
        up = conv(block + "/Conv2d_1x1", branches(block, x), relu=False, scale=source.scale(block, scale))
        y = graph.add("Add", block + "/add", x, up)
        return graph.add("Relu", block + "/Relu", y) if relu else y

    x = conv("Conv2d_1a_3x3", "input", 2, same=False)
    x = conv("Conv2d_2a_3x3", x, same=False)
    x = conv("Conv2d_2b_3x3", x)
    x = graph.add("MaxPool", "MaxPool_3a_3x3", x, kernel_shape=[3, 3], strides=[2, 2])
    x = conv("Conv2d_3b_1x1", x, same=False)
    x = conv("Conv2d_4a_3x3", x, same=False)
    x = conv("Conv2d_4b_3x3", x, 2, same=False)
    for number in range(1, 6):
        x = residual(f"Repeat/block35_{number}", x, 0.17)
    x = branches("Mixed_6a", x, pool=True)
    for number in range(1, 11):
        x = residual(f"Repeat_1/block17_{number}", x, 0.10)
    x = branches("Mixed_7a", x, pool=True)
    for number in range(1, 6):
        x = residual(f"Repeat_2/block8_{number}", x, 0.20)
    x = residual("Block8", x, 1.0, relu=False)
    x = graph.add("Flatten", "flat", graph.add("GlobalAveragePool", "average", x), axis=1)
    weight, bias = source.layer("Bottleneck")
    graph.dense("embedding", x, weight, bias)
    size = weight.shape[0]
    return graph.model({"input": ["N", 3, 160, 160]}, {"embedding": ["N", size]}), size
