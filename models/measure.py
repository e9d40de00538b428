"""Measures the int8 networks against the fp32 ones on folders of pictures that took no part in calibration.

    models/.build/venv/bin/python models/measure.py FOLDER [--every N] [--limit N]

Prints, per replaced network and for all three together: how many faces of at least 40 px the fp32 detector
finds, how many of those are found again, IoU, landmark error; then the time of each network, int8 over fp32,
on the same windows, interleaved, one thread; then the cosine of the int8 to the fp32 embedding.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import pipeline

HERE = Path(__file__).resolve().parent
NETS = ("pnet", "rnet", "onet")
SMALLEST_FACE = 40


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of one box with each of the others."""
    sides = np.minimum(box[2:4], others[:, 2:4]) - np.maximum(box[:2], others[:, :2])
    shared = np.maximum(sides, 0).prod(1)
    return shared / ((box[2:4] - box[:2]).prod() + (others[:, 2:4] - others[:, :2]).prod(1) - shared)


def compare(pictures, reference, candidate) -> dict:
    """`pictures` are arrays; a face counts as found again from an IoU of 0.5 on. `reference`: its detections."""
    ious, marks, relative, missed, extra = [], [], [], 0, 0
    for pixels, (boxes, points) in zip(pictures, reference):
        large = (boxes[:, 2:4] - boxes[:, :2]).min(1) >= SMALLEST_FACE
        found, found_points = candidate.detect(pixels)
        extra += sum(not len(boxes) or overlap(box, boxes).max() < 0.5 for box in found)
        for box, mark in zip(boxes[large], points[large]):
            match = overlap(box, found) if len(found) else np.zeros(1)
            if match.max() < 0.5:
                missed += 1
                continue
            ious.append(match.max())
            marks.append(np.linalg.norm(found_points[match.argmax()] - mark, axis=1).mean())
            relative.append(marks[-1] / (box[2] - box[0]))
    ious = np.array(ious)
    return {"faces": len(ious) + missed, "missed": missed, "extra": extra, "iou_mean": ious.mean(),
            "iou_median": np.median(ious), "iou_p5": np.percentile(ious, 5), "iou_min": ious.min(),
            "landmark_px": np.mean(marks), "landmark_relative": np.mean(relative)}


def time_ratio(batches, first, second, rounds: int = 5) -> float:
    """Time of `second` over time of `first` on the same windows: the ratio of the sums of medians."""
    sums = np.zeros(2)
    for batch in batches:
        taken = np.zeros((2, rounds + 1))
        for turn in range(rounds + 1):
            for index, net in enumerate((first, second)):
                start = time.perf_counter()
                net.run(None, {"input": batch})
                taken[index, turn] = time.perf_counter() - start
        sums += np.median(taken[:, 1:], axis=1)
    return sums[1] / sums[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take every N-th picture")
    parser.add_argument("--limit", type=int, default=400, help="at most N pictures")
    arguments = parser.parse_args()
    paths = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    pictures = [pipeline.load_picture(path) for path in paths[::arguments.every][:arguments.limit]]
    load = lambda precision: {net: pipeline.session(HERE / f"{net}-{precision}.onnx") for net in NETS}
    fp32, int8 = load("fp32"), load("int8")
    detector = pipeline.Detector(**fp32, smallest_face=SMALLEST_FACE)
    reference = [detector.detect(pixels) for pixels in pictures]
    print(f"{len(pictures)} pictures")
    for nets in (("pnet",), ("rnet",), ("onet",), ("rnet", "onet"), NETS):
        candidate = pipeline.Detector(**{**fp32, **{net: int8[net] for net in nets}}, smallest_face=SMALLEST_FACE)
        result = compare(pictures, reference, candidate)
        print("int8 " + "+".join(nets), " ".join(f"{key} {value:.4g}" for key, value in result.items()), flush=True)

    detector.seen = []
    for pixels in pictures[:: max(1, len(pictures) // 12)]:
        detector.detect(pixels)
    for net in NETS:
        batches = [windows for name, windows in detector.seen if name == net]
        print(f"time {net}: int8 {time_ratio(batches, fp32[net], int8[net]):.2f} of fp32")
    detector.seen = None

    whole, small = (pipeline.session(path) for path in
                    (HERE / ".build/fp32/facenet128-fp32.onnx", HERE / "facenet128-int8.onnx"))
    cosines = []
    for pixels, (boxes, _) in zip(pictures, reference):
        for box in boxes[(boxes[:, 2:4] - boxes[:, :2]).min(1) >= SMALLEST_FACE][:3]:
            face = pipeline.whiten(pipeline.cut_face(pixels, box))[None]
            a, b = (net.run(None, {"input": face})[0][0] for net in (whole, small))
            cosines.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    print(f"embedding: {len(cosines)} faces, cosine mean {np.mean(cosines):.5f} min {np.min(cosines):.5f}; "
          f"time int8 {time_ratio([face], whole, small, 9):.2f} of fp32")


if __name__ == "__main__":
    main()
