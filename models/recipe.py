"""Weights in, model files and manifests out. Runs inside the venv that build.py makes."""

import sys
from pathlib import Path

import numpy as np
import onnx

import graph
import manifest
import pipeline
import quantise
import sface
import weights
import windows

NETS = ("pnet", "rnet", "onet")

# Which MTCNN networks the daemon runs in int8; models/README.md has the measurements behind this.
INT8_BY_DEFAULT = {"pnet": False, "rnet": True, "onet": True}


def _say(text: str) -> None:
    print(f"models: {text}", flush=True)


def _detector(source: Path, fp32: Path, target: Path, photos: list[Path], wider: list[Path]) -> None:
    """MTCNN's networks in eight bits, trained to answer as the fp32 ones do."""
    import distil  # brings XLA, which nothing else here needs
    import qdq

    _say(f"cutting windows from {len(wider)} pictures of WIDER FACE and {len(photos)} photos")
    pictures = [pipeline.load_picture(path, longest=576) for path in wider]
    pictures += [pipeline.load_picture(path, longest=400) for path in photos]
    detector = pipeline.Detector(*(pipeline.session(fp32 / f"{net}-fp32.onnx") for net in NETS))
    pool = windows.collect(pictures, detector)
    for net in NETS:
        student, fixed = distil.train(net, weights.read_pt(source / f"{net}.pt"), pool[net], _say)
        graph.save(qdq.write(net, student, fixed), target / f"{net}-int8.onnx")


def build(downloads: Path, work: Path, target: Path, only_fp32: bool, wider: Path | None) -> None:
    """`wider`: the folder of WIDER FACE's pictures; None leaves the detector's int8 files as they are."""
    trained_on = windows.wider(wider, judged=False) if wider and not only_fp32 else []
    source, fp32 = work / "source", work / "fp32"
    fp32.mkdir(parents=True, exist_ok=True)
    _say("unpacking the weights")
    weights.unpack(downloads, source)
    models = {net: graph.mtcnn(net, weights.read_pt(source / f"{net}.pt")) for net in NETS}
    models["facenet128"] = graph.facenet(weights.KerasFile(source / "facenet_keras.h5"))
    models["sface"] = sface.build(source / weights.SFACE_FILE)
    for name, model in models.items():
        graph.save(model, fp32 / f"{name}-fp32.onnx")
    manifest.write(fp32, manifest.SET + "-fp32", {f"{name}-fp32": name != "facenet128" for name in models}, weights.SOURCE_SHA256)
    _say(f"fp32 set written to {fp32}")
    if only_fp32:
        return

    paths = sorted((source / "photos").iterdir())
    for net in NETS:
        (target / f"{net}-fp32.onnx").write_bytes((fp32 / f"{net}-fp32.onnx").read_bytes())
    if trained_on:
        _detector(source, fp32, target, paths[::2], trained_on)
    photos = [pipeline.load_picture(path, longest=640) for path in paths]
    detector = pipeline.Detector(*(pipeline.session(fp32 / f"{net}-fp32.onnx") for net in NETS))
    _say(f"calibrating the embedders on {quantise.FACES} faces")
    faces = quantise.faces(photos, detector, lambda photo, box, _: pipeline.whiten(pipeline.cut_face(photo, box)))
    ranges = quantise.ranges(models["facenet128"], np.split(faces, len(faces)))
    graph.save(quantise.static(models["facenet128"], ranges), target / "facenet128-int8.onnx")
    faces = quantise.faces(photos, detector, lambda photo, _, marks:
                           (pipeline.cut_five_point(photo, marks, sface.SIDE) - sface.MEAN) / sface.STD)
    ranges = quantise.ranges(models["sface"], np.split(faces, len(faces)), average=True)
    # Its depthwise and first convolutions lose most by 8 bits and gain no time.
    keep = [node.name for node in models["sface"].graph.node
            if node.op_type == "Conv" and ("_dw_" in node.name or node.name == "conv_1_conv2d")]
    graph.save(quantise.static(models["sface"], ranges, skip=keep, operators=["Conv", "Gemm"]), target / "sface-int8.onnx")

    listed = {f"{net}-{precision}": INT8_BY_DEFAULT[net] == (precision == "int8")
              for net in NETS for precision in ("fp32", "int8")}
    listed |= {"sface-int8": True, "facenet128-int8": False}
    manifest.write(target, manifest.SET, listed, weights.SOURCE_SHA256)
    for model_id in listed:
        onnx.checker.check_model(target / f"{model_id}.onnx")
        pipeline.session(target / f"{model_id}.onnx")
    _say(f"written to {target}")


if __name__ == "__main__":
    try:
        build(*(Path(argument) for argument in sys.argv[1:4]), only_fp32=sys.argv[4] == "fp32",
              wider=Path(sys.argv[5]) if sys.argv[5] else None)
    except (weights.SourceError, windows.NoWider) as error:
        sys.exit(f"models: {error}")
