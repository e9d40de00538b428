"""Brings somebody's own network into a model set. Runs inside the venv that build.py makes."""

import sys
from pathlib import Path

import numpy as np
import onnx

import graph
import graphdef
import inception
import manifest
import pipeline
import quantise
import weights

# OpenCV's SFace takes 112x112 RGB, 0..255, turned to ArcFace's five points; other five-point networks differ in
# their normalisation: change the manifest entry then.
FIVE_POINT = {"alignment": "five-point", "crop": 112}
MTCNN_BOX = {"alignment": "mtcnn-box", "margin": 14, "crop": 160}


def _without_idle_inputs(path: Path) -> onnx.ModelProto:
    """Some exporters list weights among the inputs, and quantisers leave the names of what they replaced there."""
    model = onnx.load(path)
    given = {weight.name for weight in model.graph.initializer}
    given |= {output for node in model.graph.node for output in node.output}
    used = {name for node in model.graph.node for name in node.input}
    inputs = [value for value in model.graph.input if value.name in used and value.name not in given]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    return model


def _onnx_entry(path: Path, model: onnx.ModelProto) -> tuple[dict, dict]:
    inputs = list(model.graph.input)
    outputs = list(model.graph.output)
    if len(inputs) != 1 or len(outputs) != 1:
        raise weights.SourceError(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; an embedder has one each")
    shape = lambda value: [axis.dim_value or -1 for axis in value.type.tensor_type.shape.dim]
    picture, embedding = shape(inputs[0]), shape(outputs[0])
    planes = picture[1:2] == [3]
    if len(picture) != 4 or len(embedding) != 2 or not (planes or picture[3] == 3):
        raise weights.SourceError(f"{path} takes {picture} and gives {embedding}: an embedder takes a batch of pictures "
                                  f"with three channels and gives a batch of vectors")
    side = picture[2]
    how = {**FIVE_POINT, "crop": side} if side == 112 else {**MTCNN_BOX, "crop": side}
    source = {"name": inputs[0].name, "layout": "NCHW" if planes else "NHWC", "shape": picture,
              "output": outputs[0].name, "output_shape": embedding}
    return {"embedding_size": embedding[1], **how}, source


def run(path: Path, model_id: str, target: Path, shipped: Path, downloads: Path, work: Path, whitening: bool,
        fixed: list[float], beside: str) -> None:
    print(f"models: reading {path}", flush=True)
    target.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".onnx":
        model = _without_idle_inputs(path)
        settings, io = _onnx_entry(path, model)
        graph.save(model, target / f"{model_id}.onnx")
        made = {model_id: ("as given", True)}
    else:
        if path.suffix == ".pb":
            source = inception.FromTensorflow(graphdef.Graph(path))
        elif path.suffix in (".pt", ".pth"):
            source = inception.FromTorch(weights.read_pt(path))
        else:
            raise weights.SourceError(f"{path}: give a frozen .pb, a facenet-pytorch .pt or an .onnx")
        model, size = inception.build(source, raw_input=not whitening)
        settings = {"embedding_size": size, **MTCNN_BOX}
        io = {"name": "input", "layout": "NCHW", "shape": [-1, 3, 160, 160], "output": "embedding",
              "output_shape": [-1, size]}
        graph.save(model, target / f"{model_id}-fp32.onnx")
        print(f"models: calibrating the int8 form on {quantise.FACES} faces", flush=True)
        weights.unpack(downloads, work / "source")
        photos = [pipeline.load_picture(p, longest=640) for p in sorted((work / "source" / "photos").iterdir())]
        nets = (pipeline.session(shipped / f"{net}-fp32.onnx") for net in ("pnet", "rnet", "onet"))
        cut = lambda photo, box, _: pipeline.whiten(pipeline.cut_face(photo, box)) if whitening else pipeline.cut_face(photo, box)
        faces = quantise.faces(photos, pipeline.Detector(*nets), cut)
        int8 = quantise.static(model, quantise.ranges(model, np.split(faces, len(faces))))
        graph.save(int8, target / f"{model_id}-int8.onnx")
        made = {f"{model_id}-int8": ("int8", True), f"{model_id}-fp32": ("fp32", False)}
    normalisation = {"normalisation": "per-image-whitening" if whitening else "none"}
    if fixed:
        normalisation = {"normalisation": "fixed", "mean": fixed[0], "std": fixed[1]}
    manifest.write_imported(target, shipped, made, settings, io, normalisation, path, beside)
    for name in made:
        pipeline.session(target / f"{name}.onnx")
    print(f"models: {' and '.join(made)} are in {target}, with the detector that ships: set models.dir to it. They have "
          f"no calibration yet: doorward calibrate PHOTOS --out {target}", flush=True)


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]), sys.argv[2], *(Path(a) for a in sys.argv[3:7]), whitening=sys.argv[7] == "whitening",
            fixed=[] if sys.argv[7] == "whitening" else [float(v) for v in sys.argv[7].split(",") if v], beside=sys.argv[8])
    except (weights.SourceError, OSError, ValueError) as error:
        sys.exit(f"models: {error}")
