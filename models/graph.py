"""Writes the ONNX graphs: MTCNN's three networks and the FaceNet embedder, folded and ready to run."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from weights import KerasFile, SourceError

OPSET = 17
IR_VERSION = 8


class Graph:
    """Collects nodes and weights. Every node has one output, called like the node."""

    def __init__(self):
        self.nodes = []
        self.weights = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name

    def add(self, op: str, name: str, *inputs: str, **attributes) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def conv(self, name: str, x: str, weight: np.ndarray, bias: np.ndarray, stride: int = 1, pads=(0, 0, 0, 0)) -> str:
        return self.add("Conv", name, x, self.constant(name + ".weight", weight), self.constant(name + ".bias", bias),
                        kernel_shape=weight.shape[2:], strides=[stride] * 2, pads=pads)

    def dense(self, name: str, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        return self.add("Gemm", name, x, self.constant(name + ".weight", weight), self.constant(name + ".bias", bias),
                        transB=1)

    def prelu(self, name: str, x: str, slope: np.ndarray, spatial: bool = True) -> str:
        """max(x, slope·x) is PReLU wherever slope <= 1, and half the cost of ONNX Runtime's PRelu kernel."""
        shape = (-1, 1, 1) if spatial else (-1,)
        scaled = self.add("Mul", name + ".scaled", x, self.constant(name + ".slope", slope.reshape(shape)))
        if (slope <= 1).all():
            return self.add("Max", name, x, scaled)
        # A slope above 1 turns the maximum into a minimum: slope·x + (1 - slope)·relu(x) holds for any slope.
        positive = self.add("Relu", name + ".positive", x)
        rest = self.add("Mul", name + ".rest", positive, self.constant(name + ".complement", 1 - slope.reshape(shape)))
        return self.add("Add", name, scaled, rest)

    def model(self, inputs: dict, outputs: dict) -> onnx.ModelProto:
        info = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side.items()]
                for side in (inputs, outputs)]
        model = helper.make_model(helper.make_graph(self.nodes, "doorward", *info, self.weights),
                                  opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                                  producer_name="doorward")
        onnx.checker.check_model(model, full_check=True)
        return onnx.shape_inference.infer_shapes(model, strict_mode=True)


def save(model: onnx.ModelProto, path: Path) -> None:
    """Writes the same bytes for the same graph; nothing about the machine or the moment gets in."""
    model.producer_name, model.producer_version, model.doc_string = "doorward", "", ""
    del model.metadata_props[:]
    del model.graph.value_info[:]
    path.write_bytes(model.SerializeToString(deterministic=True))


# Per network: convolutions with their pooling (window, stride), the side of the last feature map, heads.
MTCNN = {
    "pnet": {"convs": [("conv1", "prelu1", (2, 2)), ("conv2", "prelu2", None), ("conv3", "prelu3", None)]},
    "rnet": {"convs": [("conv1", "prelu1", (3, 2)), ("conv2", "prelu2", (3, 2)), ("conv3", "prelu3", None)],
             "input": 24, "dense": ("dense4", "prelu4"), "prob": "dense5_1", "heads": {"reg": "dense5_2"}},
    "onet": {"convs": [("conv1", "prelu1", (3, 2)), ("conv2", "prelu2", (3, 2)), ("conv3", "prelu3", (2, 2)),
                       ("conv4", "prelu4", None)],
             "input": 48, "dense": ("dense5", "prelu5"), "prob": "dense6_1",
             "heads": {"reg": "dense6_2", "points": "dense6_3"}},
}
_MAP_SIDE = 3  # both R-Net and O-Net end in a 3x3 feature map


def mtcnn(net: str, tensors: dict[str, np.ndarray]) -> onnx.ModelProto:
    """One of `pnet`, `rnet`, `onet` from facenet-pytorch's tensors. Raw RGB 0..255 goes in."""
    spec, graph, x = MTCNN[net], Graph(), "input"
    of = lambda name: (tensors[name + ".weight"].astype(np.float64), tensors[name + ".bias"].astype(np.float64))
    for index, (conv, prelu, pool) in enumerate(spec["convs"]):
        weight, bias = of(conv)
        if index == 0:  # the first convolution also does (x - 127.5) / 128; none of these layers is padded
            weight, bias = weight / 128, bias - weight.sum((1, 2, 3)) * 127.5 / 128
        x = graph.prelu(prelu, graph.conv(conv, x, weight, bias), tensors[prelu + ".weight"])
        if pool:
            x = graph.add("MaxPool", f"pool{index + 1}", x, kernel_shape=[pool[0]] * 2, strides=[pool[1]] * 2,
                          ceil_mode=1)
    if net == "pnet":
        reg, face = of("conv4_2"), of("conv4_1")
        graph.conv("reg", x, *reg)
        graph.conv("logit", x, face[0][1:] - face[0][:1], face[1][1:] - face[1][:1])
        return graph.model({"input": ["N", 3, "H", "W"]},
                           {"reg": ["N", 4, "OH", "OW"], "logit": ["N", 1, "OH", "OW"]})
    dense, prelu = spec["dense"]
    weight, bias = of(dense)
    # The original flattens width, height, channel; ours channel, height, width: the columns move instead.
    columns = weight.reshape(len(weight), _MAP_SIDE, _MAP_SIDE, -1).transpose(0, 3, 2, 1).reshape(len(weight), -1)
    x = graph.dense(dense, graph.add("Flatten", "flat", x, axis=1), columns, bias)
    x = graph.prelu(prelu, x, tensors[prelu + ".weight"], spatial=False)
    outputs = {}
    for output, layer in spec["heads"].items():
        graph.dense(output, x, *of(layer))
        outputs[output] = ["N", len(of(layer)[1])]
    graph.add("Softmax", "prob", graph.dense("score", x, *of(spec["prob"])), axis=1)
    return graph.model({"input": ["N", 3, spec["input"], spec["input"]]}, {**outputs, "prob": ["N", 2]})


def facenet(file: KerasFile) -> onnx.ModelProto:
    """Inception-ResNet-v1 with every batch normalisation and residual scale folded into its convolution."""
    # First pass: convolutions (and the last dense layer) as mutable [weight, bias]; names of layers that
    # vanish by folding point to the layer that took them in.
    folded, alias, plan = {}, {}, []
    for layer in file.layers:
        name, kind, config = layer["name"], layer["class_name"], layer["config"]
        inputs = [alias.get(node[0], node[0]) for node in (layer["inbound_nodes"] or [[]])[0]]
        if kind in ("Conv2D", "Dense"):
            weight = file.weight(name, "kernel")
            bias = file.weight(name, "bias") if config["use_bias"] else np.zeros(weight.shape[-1])
            folded[name] = [weight, bias]
        elif kind == "BatchNormalization":
            parameters = folded[inputs[0]]  # this network has no learned scale: gamma is 1
            factor = 1 / np.sqrt(file.weight(name, "moving_variance") + config["epsilon"])
            parameters[0] = parameters[0] * factor
            parameters[1] = (parameters[1] - file.weight(name, "moving_mean")) * factor + file.weight(name, "beta")
            if config["scale"]:
                raise SourceError(f"layer {name} of the Keras file has a scale, which this recipe does not fold")
            alias[name] = inputs[0]
            continue
        elif kind == "Lambda":  # shortcut + scale * branch, where the branch is a convolution
            folded[inputs[1]] = [part * config["arguments"]["scale"] for part in folded[inputs[1]]]
        elif kind == "Dropout":
            alias[name] = inputs[0]
            continue
        plan.append((name, kind, config, inputs))

    graph, value = Graph(), {}
    for name, kind, config, inputs in plan:
        x = [value[i] for i in inputs]
        if kind == "InputLayer":
            value[name] = "input"
        elif kind == "Conv2D":
            weight, bias = folded[name]
            pads = [(side - 1) // 2 for side in weight.shape[:2]] * 2 if config["padding"] == "same" else [0] * 4
            if config["padding"] == "same" and config["strides"] != [1, 1]:
                raise SourceError(f"layer {name}: a strided convolution with padding pads unevenly in Keras")
            value[name] = graph.conv(name, x[0], weight.transpose(3, 2, 0, 1), bias, config["strides"][0], pads)
        elif kind == "Activation":
            value[name] = graph.add("Relu", name, x[0])
        elif kind == "Concatenate":
            value[name] = graph.add("Concat", name, *x, axis=1)
        elif kind == "Lambda":
            value[name] = graph.add("Add", name, *x)
        elif kind == "MaxPooling2D":
            value[name] = graph.add("MaxPool", name, x[0], kernel_shape=config["pool_size"], strides=config["strides"])
        elif kind == "GlobalAveragePooling2D":
            value[name] = graph.add("Flatten", name + ".flat", graph.add("GlobalAveragePool", name, x[0]), axis=1)
        elif kind == "Dense":
            weight, bias = folded[name]
            value[name] = graph.dense("embedding", x[0], weight.T, bias)
        else:
            raise SourceError(f"layer {name} of the Keras file is a {kind}, which this recipe does not know")
    return graph.model({"input": ["N", 3, 160, 160]}, {"embedding": ["N", 128]})
