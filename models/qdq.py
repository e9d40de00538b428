"""Writes what distil.py trained as an ONNX graph with QuantizeLinear and DequantizeLinear around every layer, which
ONNX Runtime fuses into integer arithmetic: uint8 values, int8 weights per channel, int32 offsets."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from graph import MTCNN, Graph

BLOCK_CHANNELS = 16

def _constant(graph: Graph, name: str, value: np.ndarray, kind) -> str:
    graph.weights.append(numpy_helper.from_array(np.ascontiguousarray(value, kind), name))
    return name


def _values(graph: Graph, name: str, x: str, step: float, zero: float = 0) -> str:
    """`x` in steps from -zero to 255 - zero."""
    about = graph.constant(name + ".step", np.array(step)), _constant(graph, name + ".zero", np.array(zero), np.uint8)
    return graph.add("DequantizeLinear", name + ".back", graph.add("QuantizeLinear", name + ".in8", x, *about), *about)


def _parts(graph: Graph, name: str, weight: np.ndarray, bias: np.ndarray, step: float) -> tuple[str, str]:
    """Weights and offsets in integers, and their way back; `step` is that of the layer's input."""
    steps = np.maximum(np.abs(weight).reshape(len(weight), -1).max(1), 1e-8) / 127
    whole = np.rint(weight / steps.reshape((-1,) + (1,) * (weight.ndim - 1)))
    parts = []
    for part, values, unit, kind in (("weight", whole, steps, np.int8),
                                     ("bias", np.rint(bias / (steps * step)), steps * step, np.int32)):
        parts.append(graph.add("DequantizeLinear", f"{name}.{part}", _constant(graph, f"{name}.{part}.in8", values, kind),
                               graph.constant(f"{name}.{part}.step", unit),
                               _constant(graph, f"{name}.{part}.zero", np.zeros(len(unit)), kind), axis=0))
    return tuple(parts)


def write(net: str, student: list, fixed: list) -> onnx.ModelProto:
    spec, graph = MTCNN[net], Graph()
    layers = [(np.asarray(layer["w"] * shape["row"], np.float32), np.asarray(layer["b"] * shape["row"][:, 0, 0, 0]),
               float(np.exp(layer["step"])) if "step" in layer else None) for layer, shape in zip(student, fixed)]
    x = step = None
    for index, (name, _, pool) in enumerate(spec["convs"]):
        weight, bias, after = layers[index]
        place, zero = f"pool{index + 1}", fixed[index]["zero"]
        if index == 0:
            # Channels of nothing up to a multiple of the block that ONNX Runtime's own layout has: else it reorders
            # the whole map before it pools.
            spare = -len(weight) % BLOCK_CHANNELS
            x = graph.conv(name, "input", np.pad(weight, ((0, spare), *[(0, 0)] * 3)), np.pad(bias, (0, spare)))
        else:
            x = graph.add("Conv", name, x, *_parts(graph, name, weight, bias, step), kernel_shape=weight.shape[2:])
            x = _values(graph, f"{name}.out", x, after, zero)
        if pool:
            x = graph.add("MaxPool", place, x, kernel_shape=[pool[0]] * 2, strides=[pool[1]] * 2, ceil_mode=1)
            if index:
                x = _values(graph, f"{place}.out", x, after, zero)
            halves, sizes = [f"{place}.half1", f"{place}.half2"], [len(weight) // 2] * 2
            rest = [f"{place}.nothing"] if index == 0 and spare else []
            cut = _constant(graph, f"{place}.sizes", np.array(sizes + [spare] * len(rest)), np.int64)
            graph.nodes.append(helper.make_node("Split", [x, cut], halves + rest, name=f"{place}.halves", axis=1))
            x = _values(graph, f"{place}.larger.out", graph.add("Max", f"{place}.larger", *halves), after, zero)
        step = after
    weight, bias, _ = layers[-1]
    if net == "pnet":
        gain, head = fixed[-1]["gain"], fixed[-1]
        parts = _parts(graph, "heads", weight * gain[:, None, None, None], bias * gain, step)
        x = _values(graph, "heads.out", graph.add("Conv", "heads", x, *parts, kernel_shape=[1, 1]), head["step"], head["zero"])
        x = graph.add("Mul", "heads.scaled", x, graph.constant("heads.gain", (1 / gain)[None, :, None, None]))
        graph.nodes.append(helper.make_node("Split", [x, _constant(graph, "sizes", np.array([4, 1]), np.int64)],
                                            ["reg", "logit"], name="split", axis=1))
        return _model(graph, {"input": ["N", 3, "H", "W"]}, {"reg": ["N", 4, "OH", "OW"], "logit": ["N", 1, "OH", "OW"]})
    x = _values(graph, "flat.out", graph.add("Flatten", "flat", x, axis=1), step)
    name, (dense, offset, after) = spec["dense"][0], layers[-2]
    dense = dense.reshape(len(dense), -1)
    x = _values(graph, f"{name}.out", graph.add("Gemm", name, x, *_parts(graph, name, dense, offset, step), transB=1), after)
    outputs, start = {}, 0
    sizes = {"reg": 4, "points": 10} if net == "onet" else {"reg": 4}
    for name, count in sizes.items():
        rows = slice(start, start + count)
        graph.add("Gemm", name, x, *_parts(graph, name, weight[rows, :, 0, 0], bias[rows], after), transB=1)
        outputs[name], start = ["N", count], start + count
    # Two scores of which the first is 0: the probability is that of the difference, which was trained.
    score = np.stack([np.zeros_like(weight[-1, :, 0, 0]), weight[-1, :, 0, 0]])
    graph.add("Gemm", "score", x, *_parts(graph, "score", score, np.array([0, bias[-1]]), after), transB=1)
    graph.add("Softmax", "prob", "score", axis=1)
    return _model(graph, {"input": ["N", 3, spec["input"], spec["input"]]}, {**outputs, "prob": ["N", 2]})


def _model(graph: Graph, inputs: dict, outputs: dict) -> onnx.ModelProto:
    model = graph.model(inputs, outputs)
    onnx.checker.check_model(model)
    return model
