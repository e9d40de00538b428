"""Calibration and static quantisation: uint8 activations, int8 weights per channel, QDQ."""

import logging
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorData, TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

import pipeline

FACES = 128


def ranges(model: onnx.ModelProto, batches, average: bool = False) -> dict[str, tuple[float, float]]:
    """Smallest and largest value of every tensor over the calibration batches, rounded outwards to three digits.

    With `average` the mean of each batch's: where few pictures have values far out, most gain by cutting those off.
    The rounding keeps the result the same on processors whose float kernels differ in the last bits.
    """
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    names = [output for node in model.graph.node for output in node.output]
    del probe.graph.output[:]
    for name in names:
        for op in ("ReduceMin", "ReduceMax"):
            probe.graph.node.append(helper.make_node(op, [name], [f"{name}:{op}"], keepdims=0))
            probe.graph.output.append(helper.make_tensor_value_info(f"{name}:{op}", onnx.TensorProto.FLOAT, []))
    run = pipeline.session(probe.SerializeToString())
    seen = [np.array([batch.min(), batch.max(), *run.run(None, {"input": batch})]) for batch in batches]
    if average:
        low, high = np.mean(seen, 0)[0::2], np.mean(seen, 0)[1::2]
    else:
        low, high = np.min(seen, 0)[0::2], np.max(seen, 0)[1::2]
    return {name: (_outwards(a, -1), _outwards(b, 1)) for name, a, b in zip(["input", *names], low, high)}


def _outwards(value: float, direction: int) -> float:
    if value == 0:
        return 0.0
    step = 10.0 ** (np.floor(np.log10(abs(value))) - 2)
    return float(direction * np.ceil(direction * value / step) * step)


def static(model: onnx.ModelProto, tensor_ranges: dict, skip=(), operators=None) -> onnx.ModelProto:
    """The QDQ form of `model`. `skip` names nodes that stay in fp32."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    as_float = lambda value: np.array(value, np.float32)
    data = TensorsData(CalibrationMethod.MinMax, {
        name: TensorData(lowest=as_float(low), highest=as_float(high)) for name, (low, high) in tensor_ranges.items()})
    operators = operators or ["Add", "Concat", "Conv", "Flatten", "Gemm", "GlobalAveragePool", "MaxPool", "Relu"]
    logging.disable(logging.WARNING)
    quantizer = QDQQuantizer(copy, True, False, QuantType.QInt8, QuantType.QUInt8, data, [], list(skip), operators, {})
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    logging.disable(logging.NOTSET)
    result = quantizer.model.model
    onnx.checker.check_model(result)
    return result


def faces(photos: list[np.ndarray], detector: pipeline.Detector, cut) -> np.ndarray:
    """[128, 3, side, side]: `cut(photo, box, landmarks)` of the best face of each photo, then mirrored ones until
    there are enough."""
    cuts = []
    for photo in photos:
        boxes, marks = detector.detect(photo)
        if len(boxes):
            best = boxes[:, 4].argmax()
            cuts.append(cut(photo, boxes[best], marks[best]))
    cuts += [cut[:, :, ::-1] for cut in cuts]
    return np.ascontiguousarray(np.stack(cuts[:FACES]), dtype=np.float32)
