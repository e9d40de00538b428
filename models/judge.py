"""Judges the detector with int8 networks beside the fp32 one by what counts: faces found, and people recognised.

    models/.build/venv/bin/python models/judge.py --wider FOLDER [--int8 FOLDER] [--sizes 20,40,80]
    models/.build/venv/bin/python models/judge.py --lfw FOLDER [--int8 FOLDER] [--photos N]
    models/.build/venv/bin/python models/judge.py --time [--int8 FOLDER]

--wider (images/ and boxes.txt, WIDER's own format): recall and precision at the daemon's score of 0.7, the recall at
the precision that fp32 has there, average precision; then how far boxes and landmarks are from those of fp32. Only
pictures that windows.py does not train on. A face counts from the given size on (its longer side); smaller ones are
neither missed nor wrong.
--lfw (one folder a person in images/): true match rates of SFace at equal false match rates, one photo against one,
from at most five photos of each person.
--time: CPU time of each network, int8 over fp32, interleaved, one thread.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import pipeline
import windows
from measure import overlap

HERE = Path(__file__).resolve().parent
NETS = ("pnet", "rnet", "onet")
VARIANTS = ((), ("pnet",), ("rnet",), ("onet",), NETS)
SCORE = 0.7  # the daemon's; lower ones are looked at for the recall at equal precision
SHAPES = {"pnet": (1, 3, 73, 97), "rnet": (16, 3, 24, 24), "onet": (4, 3, 48, 48)}


def truth(path: Path) -> dict[str, np.ndarray]:
    """Rows of a picture: left, top, width, height, and six flags, of which the fourth says that it counts for nothing."""
    lines, found = iter(path.read_text().splitlines()), {}
    for name in lines:
        count = int(next(lines))
        rows = [list(map(int, next(lines).split())) for _ in range(max(count, 1))]
        found[name.strip()] = np.array(rows[:count] or np.zeros((0, 10)), float)
    return found


class Detectors:
    """fp32 networks and int8 ones in any mixture; what two mixtures share is computed once."""

    def __init__(self, int8: Path, smallest_face: int):
        self.nets = {(net, eight): pipeline.session((int8 if eight else HERE) / f"{net}-{'int8' if eight else 'fp32'}.onnx")
                     for net in NETS for eight in (False, True)}
        self.smallest_face = smallest_face

    def detect(self, pixels: np.ndarray, variants=VARIANTS) -> list:
        picture, kept = pipeline.Picture(pixels), {}
        result = []
        for variant in variants:
            eight = [net in variant for net in NETS]
            detector = pipeline.Detector(*(self.nets[net, e] for net, e in zip(NETS, eight)), self.smallest_face,
                                         thresholds=(*pipeline.THRESHOLDS[:2], 0.5))
            if (eight[0],) not in kept:
                kept[eight[0],] = detector.propose(picture)
            if tuple(eight[:2]) not in kept:
                kept[tuple(eight[:2])] = detector.refine(picture, kept[eight[0],])
            result.append(detector.finish(picture, kept[tuple(eight[:2])]))
        return result


def ranked(found: list, faces: list, size: float):
    """Scores from high to low, whether each is a face, and how many faces there are."""
    scores, right, count = [], [], 0
    for (boxes, _), rows in zip(found, faces):
        real = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4]], 1)
        counts = (rows[:, 2:4].max(1, initial=0) >= size) & (rows[:, 7] == 0)
        count, open_ = count + counts.sum(), counts.copy()
        for box in boxes[np.argsort(-boxes[:, 4], kind="stable")]:
            shared = overlap(box, real)
            best = np.where(open_, shared, 0).argmax() if len(real) else 0
            hit = len(real) > 0 and open_[best] and shared[best] >= 0.5
            if hit:
                open_[best] = False
            elif shared[~counts].max(initial=0) >= 0.3:
                continue
            scores.append(box[4])
            right.append(hit)
    order = np.argsort(-np.array(scores), kind="stable")
    return np.array(scores)[order], np.array(right)[order], count


def beside(reference: list, found: list) -> str:
    ious, marks, more, lost = [], [], 0, 0
    for one, other in zip(reference, found):
        (boxes, points), (new, new_points) = ((b[b[:, 4] > SCORE], p[b[:, 4] > SCORE]) for b, p in (one, other))
        more += sum(overlap(box, boxes).max(initial=0) < 0.5 for box in new)
        for box, point in zip(boxes, points):
            shared = overlap(box, new)
            if shared.max(initial=0) < 0.5:
                lost += 1
                continue
            ious.append(shared.max())
            marks.append(np.linalg.norm(new_points[shared.argmax()] - point, axis=1).mean() / (box[2] - box[0]))
    return (f"beside fp32: IoU {np.mean(ious):.4f}, landmarks off {100 * np.mean(marks):.2f} % of the box, "
            f"{lost} of {lost + len(ious)} lost, {more} more")


def wider(folder: Path, int8: Path, sizes: list[int], every: int) -> None:
    paths, known = windows.wider(folder, judged=True)[::every], truth(folder / "boxes.txt")
    faces = [known[path.relative_to(folder / "images").as_posix()] for path in paths]
    for size in sizes:
        detectors = Detectors(int8, size)
        found = list(zip(*(detectors.detect(pipeline.load_picture(path)) for path in paths)))
        asked = None
        for variant, results in zip(VARIANTS, found):
            scores, right, count = ranked(results, faces, size)
            above, hits = scores > SCORE, np.cumsum(right)
            precision = hits / np.arange(1, len(hits) + 1)
            asked = precision[above][-1] if asked is None else asked
            at_equal = hits[precision >= asked][-1] / count
            print(f"{size} px, int8 {'+'.join(variant) or 'none'}: {count} faces, recall {right[above].sum() / count:.4f}, "
                  f"precision {right[above].mean():.4f}, recall at fp32's precision {at_equal:.4f}, average precision "
                  f"{(precision * right).sum() / count:.4f}" + (f"; {beside(found[0], results)}" if variant else ""), flush=True)


def lfw(folder: Path, int8: Path, photos: int, embedder) -> None:
    people = [sorted(person.glob("*.jpg"))[:5] for person in sorted((folder / "images").iterdir()) if person.is_dir()]
    # People with several photos first: they are the genuine pairs.
    chosen = sorted((p for p in people if p), key=lambda p: -(len(p) > 1))
    chosen = [(index, path) for index, person in enumerate(chosen) for path in person][:photos]
    detectors, owners = Detectors(int8, 40), np.array([index for index, _ in chosen])
    embeddings = np.zeros((len(VARIANTS), len(chosen), 128))
    for row, (_, path) in enumerate(chosen):
        pixels = pipeline.load_picture(path)
        for column, (boxes, marks) in enumerate(detectors.detect(pixels)):
            large = boxes[:, 4] > SCORE
            boxes, marks = boxes[large], marks[large]
            if len(boxes):
                best = (boxes[:, 2:4] - boxes[:, :2]).prod(1).argmax()
                face = (pipeline.cut_five_point(pixels, marks[best]) - 127.5) / 128
                value = embedder.run(None, {"input": face[None].astype(np.float32)})[0][0]
                embeddings[column, row] = value / np.linalg.norm(value)
    upper = np.triu_indices(len(chosen), 1)
    same = owners[upper[0]] == owners[upper[1]]
    for variant, rows in zip(VARIANTS, embeddings):
        scores = (rows @ rows.T)[upper]
        strangers = np.sort(scores[~same])[::-1]
        rates = [f"{rate:g}: {(scores[same] > strangers[int(rate * len(strangers))]).mean():.4f}" for rate in (1e-3, 1e-4, 1e-5)]
        print(f"LFW, {len(chosen)} photos, int8 {'+'.join(variant) or 'none'}: {same.sum()} genuine pairs, {len(strangers)} impostor "
              f"pairs, {(~rows.any(1)).sum()} photos without a face; TAR at FMR " + ", ".join(rates), flush=True)


def times(int8: Path, turns: int = 60) -> None:
    """Thread time, which what else runs on the machine disturbs least."""
    for net, shape in SHAPES.items():
        pixels = np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32)
        pair = [pipeline.session(HERE / f"{net}-fp32.onnx"), pipeline.session(int8 / f"{net}-int8.onnx")]
        taken = np.zeros((2, turns + 5))
        for turn in range(turns + 5):
            for row, session in enumerate(pair):
                start = time.thread_time()
                session.run(None, {"input": pixels})
                taken[row, turn] = 1000 * (time.thread_time() - start)
        fp32, eight = np.median(taken[:, 5:], axis=1)
        print(f"{net} {'x'.join(map(str, shape))}: fp32 {fp32:.2f} ms, int8 {eight:.2f} ms, ratio "
              f"{np.median(taken[1, 5:] / taken[0, 5:]):.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wider", type=Path)
    parser.add_argument("--lfw", type=Path)
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--int8", type=Path, default=HERE, help="where the int8 files are")
    parser.add_argument("--sizes", default="20,40,80")
    parser.add_argument("--every", type=int, default=1, help="of WIDER's pictures take every N-th")
    parser.add_argument("--photos", type=int, default=10 ** 6, help="at most so many of LFW's")
    arguments = parser.parse_args()
    if arguments.wider:
        wider(arguments.wider, arguments.int8, [int(size) for size in arguments.sizes.split(",")], arguments.every)
    if arguments.lfw:
        lfw(arguments.lfw, arguments.int8, arguments.photos, pipeline.session(HERE / "sface-int8.onnx"))
    if arguments.time:
        times(arguments.int8)


if __name__ == "__main__":
    main()
