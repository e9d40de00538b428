"""The detector around the three networks, in numpy: makes the calibration windows and the measurements.

Follows facenet-pytorch's MTCNN step by step (pyramid, thresholds, suppression, squaring), because the networks were
published with those conventions, but for one: what a cut-out has outside the picture is black, as in the original
MTCNN; facenet-pytorch clips and stretches there. Pictures are uint8 arrays [height, width, 3], RGB.
"""

from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

THRESHOLDS = (0.6, 0.7, 0.7)
PYRAMID_FACTOR = 0.709
MAX_WINDOW_SIDES = 4  # a window is at most as many times larger than the picture
FACE_SIDE = 160
FACE_MARGIN = 14


def load_picture(path: Path, longest: int | None = None) -> np.ndarray:
    picture = Image.open(path).convert("RGB")
    if longest and max(picture.size) > longest:
        ratio = longest / max(picture.size)
        picture = picture.resize([max(1, round(side * ratio)) for side in picture.size], Image.Resampling.BOX)
    return np.asarray(picture)


def session(path: Path | str | bytes) -> onnxruntime.InferenceSession:
    """One thread, no spinning: the way the daemon runs it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model = path if isinstance(path, bytes) else str(path)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Picture:
    """A picture as an integral image: any cut-out shrinks to any size by exact area averages."""

    def __init__(self, pixels: np.ndarray):
        self.height, self.width = pixels.shape[:2]
        self._sums = np.zeros((self.height + 1, self.width + 1, 3), np.int64)
        np.cumsum(np.cumsum(pixels, 0, dtype=np.int64), 1, out=self._sums[1:, 1:])

    def area(self, left: int, top: int, right: int, bottom: int, width: int, height: int) -> np.ndarray:
        """[3, height, width], float32: each output pixel is the mean of the input pixels it touches; outside its
        borders the picture goes on in black."""
        x0, x1 = _bins(left, right, width)
        y0, y1 = _bins(top, bottom, height)
        count = (y1 - y0)[:, None] * (x1 - x0)[None, :]
        x0, x1, y0, y1 = (np.clip(edge, 0, side) for edge, side in
                          ((x0, self.width), (x1, self.width), (y0, self.height), (y1, self.height)))
        sums = self._sums
        total = sums[y1][:, x1] - sums[y0][:, x1] - sums[y1][:, x0] + sums[y0][:, x0]
        return (total / count[:, :, None]).astype(np.float32).transpose(2, 0, 1)


def _bins(start: int, end: int, count: int):
    index, length = np.arange(count), end - start
    return start + index * length // count, start - (-(index + 1) * length // count)


def suppress(boxes: np.ndarray, scores: np.ndarray, limit: float, by_smaller: bool = False) -> np.ndarray:
    """Non-maximum suppression; overlap over the union, or (as after O-Net) over the smaller box."""
    edge = 1.0 if by_smaller else 0.0  # the reference counts pixels, not distances, in its last stage
    x0, y0, x1, y1 = boxes[:, :4].T
    areas = (x1 - x0 + edge) * (y1 - y0 + edge)
    order, kept = np.argsort(-scores, kind="stable"), []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        width = np.minimum(x1[best], x1[rest]) - np.maximum(x0[best], x0[rest]) + edge
        height = np.minimum(y1[best], y1[rest]) - np.maximum(y0[best], y0[rest]) + edge
        shared = np.maximum(0, width) * np.maximum(0, height)
        whole = np.minimum(areas[best], areas[rest]) if by_smaller else areas[best] + areas[rest] - shared
        order = rest[shared / whole <= limit]
    return np.array(kept, int)


def square(boxes: np.ndarray) -> np.ndarray:
    sides = boxes[:, 2:4] - boxes[:, :2]
    half = sides.max(1, keepdims=True) / 2
    centre = boxes[:, :2] + sides / 2
    return np.concatenate([centre - half, centre + half], 1)


def shift(boxes: np.ndarray, reg: np.ndarray) -> np.ndarray:
    sides = boxes[:, 2:4] - boxes[:, :2] + 1
    return boxes[:, :4] + reg * np.concatenate([sides, sides], 1)


class Detector:
    """`pnet`, `rnet`, `onet` are sessions. `seen`, when a list, receives (net, windows) as they are run."""

    def __init__(self, pnet, rnet, onet, smallest_face: int = 40, seen: list | None = None,
                 thresholds=THRESHOLDS):
        self.pnet, self.rnet, self.onet = pnet, rnet, onet
        self.smallest_face, self.seen, self.thresholds = smallest_face, seen, thresholds

    def _run(self, name, net, outputs, windows):
        if self.seen is not None:
            self.seen.append((name, windows))
        return net.run(outputs, {"input": windows})

    def propose(self, picture: Picture) -> np.ndarray:
        scale, found = 12 / self.smallest_face, []
        while min(picture.height, picture.width) * scale >= 12:
            level = picture.area(0, 0, picture.width, picture.height,
                                 int(picture.width * scale + 1), int(picture.height * scale + 1))
            reg, logit = self._run("pnet", self.pnet, ["reg", "logit"], np.ascontiguousarray(level[None]))
            score = 1 / (1 + np.exp(-logit[0, 0]))
            y, x = np.nonzero(score >= self.thresholds[0])
            corner = np.stack([x, y], 1) * 2 + 1
            boxes = np.floor(np.concatenate([corner, corner + 11], 1) / scale)
            rows = np.concatenate([boxes, score[y, x, None], reg[0][:, y, x].T], 1)
            found.append(rows[suppress(rows, rows[:, 4], 0.5)])
            scale *= PYRAMID_FACTOR
        rows = np.concatenate(found) if found else np.zeros((0, 9))
        rows = rows[suppress(rows, rows[:, 4], 0.7)]
        sides = rows[:, 2:4] - rows[:, :2]
        return square(rows[:, :4] + rows[:, 5:] * np.concatenate([sides, sides], 1))

    def _windows(self, picture: Picture, boxes: np.ndarray, side: int):
        left, top, right, bottom = np.trunc(boxes).astype(int).T
        left, top = left - 1, top - 1
        side_limit = MAX_WINDOW_SIDES * max(picture.width, picture.height)
        usable = ((right > left) & (bottom > top) & (np.maximum(right - left, bottom - top) <= side_limit)
                  & (np.maximum(left, 0) < np.minimum(right, picture.width))
                  & (np.maximum(top, 0) < np.minimum(bottom, picture.height)))
        cuts = [picture.area(*edges, side, side)
                for edges in np.stack([left, top, right, bottom], 1)[usable]]
        return (np.stack(cuts) if cuts else np.zeros((0, 3, side, side), np.float32)), boxes[usable]

    def refine(self, picture: Picture, boxes: np.ndarray) -> np.ndarray:
        windows, boxes = self._windows(picture, boxes, 24)
        if not len(boxes):
            return boxes
        reg, prob = self._run("rnet", self.rnet, ["reg", "prob"], windows)
        keep = prob[:, 1] > self.thresholds[1]
        boxes, reg, score = boxes[keep], reg[keep], prob[keep, 1]
        best = suppress(boxes, score, 0.7)
        return square(shift(boxes[best], reg[best]))

    def finish(self, picture: Picture, boxes: np.ndarray):
        windows, boxes = self._windows(picture, boxes, 48)
        if not len(boxes):
            return np.zeros((0, 5)), np.zeros((0, 5, 2))
        reg, points, prob = self._run("onet", self.onet, ["reg", "points", "prob"], windows)
        keep = prob[:, 1] > self.thresholds[2]
        boxes, reg, points, score = boxes[keep], reg[keep], points[keep], prob[keep, 1]
        sides = boxes[:, 2:4] - boxes[:, :2] + 1
        marks = boxes[:, None, :2] + points.reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None] - 1
        boxes = shift(boxes, reg)
        best = suppress(boxes, score, 0.7, by_smaller=True)
        return np.concatenate([boxes, score[:, None]], 1)[best], marks[best]

    def detect(self, pixels: np.ndarray):
        """Boxes [n, 5] (left, top, right, bottom, score) and landmarks [n, 5, 2], in pixels."""
        picture = Picture(pixels)
        return self.finish(picture, self.refine(picture, self.propose(picture)))


def cut_face(pixels: np.ndarray, box: np.ndarray) -> np.ndarray:
    """[3, 160, 160], raw 0..255: the box with a margin of 14 of 160, held inside the picture."""
    height, width = pixels.shape[:2]
    margin = FACE_MARGIN * (box[2:4] - box[:2]) / (FACE_SIDE - FACE_MARGIN) / 2
    left, top = np.maximum(box[:2] - margin, 0).astype(int)
    right, bottom = np.minimum(box[2:4] + margin, (width, height)).astype(int)
    return Picture(pixels[top:bottom, left:right]).area(0, 0, right - left, bottom - top, FACE_SIDE, FACE_SIDE)


def whiten(face: np.ndarray) -> np.ndarray:
    """(x - mean) / max(std, 1/sqrt(values)) over the whole picture: what the embedder was trained on."""
    x = face.astype(np.float64)
    return ((x - x.mean()) / max(x.std(), 1 / np.sqrt(x.size))).astype(np.float32)


# Where ArcFace's 112x112 template has the eyes, the nose and the corners of the mouth (Deng et al. 2019).
FIVE_POINTS = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])


def cut_five_point(pixels: np.ndarray, marks: np.ndarray, side: int = 112) -> np.ndarray:
    """[3, side, side], raw 0..255: turned, scaled and moved so that the landmarks lie where the template has them."""
    places, marks = FIVE_POINTS * side / 112, np.asarray(marks, np.float64)
    p, q = marks - marks.mean(0), places - places.mean(0)
    # Fitted from the picture to the template, then turned round: the pixels of the cut ask where they come from.
    a, b = (p * q).sum() / (p * p).sum(), (p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]).sum() / (p * p).sum()
    a, b = a / (a * a + b * b), -b / (a * a + b * b)
    x, y = marks.mean(0) - np.array([[a, -b], [b, a]]) @ places.mean(0)
    # Pillow asks for the map of pixel centres, which lie at one half.
    shift = np.array([x, y]) + 0.5 - np.array([[a, -b], [b, a]]) @ np.array([0.5, 0.5])
    cut = Image.fromarray(pixels).transform((side, side), Image.Transform.AFFINE, (a, -b, shift[0], b, a, shift[1]),
                                            Image.Resampling.BILINEAR)
    return np.asarray(cut).astype(np.float32).transpose(2, 0, 1)
