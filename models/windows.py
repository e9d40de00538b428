"""What MTCNN's networks are shown when they are trained for eight bits: cut where the fp32 cascade looks.

Pictures: the photos of the weight packages, and WIDER FACE's (research use only, not part of this project; see
README.md). Of WIDER three pictures in five are taken; measure.py judges on the other two.
"""

from pathlib import Path

import numpy as np

import pipeline

WIDER = Path(__file__).resolve().parents[2] / "shared/data/wider"
SMALLEST_FACE = 20
MAX_BOXES, MAX_RNET_WINDOWS, MAX_ONET_BOXES, ONET_JITTERS = 400, 200, 30, 3
LEVEL_SIDE_PIXELS = 40


class NoWider(Exception):
    """WIDER FACE's pictures are not there."""


def wider(folder: Path, judged: bool) -> list[Path]:
    """The pictures that are trained on, or those that are judged on."""
    if not (folder / "boxes.txt").is_file():
        raise NoWider(f"{folder} has no boxes.txt: training for eight bits needs pictures of WIDER FACE there (images/ "
                      f"and boxes.txt, research use only); name their folder with --wider, or use the int8 files as "
                      f"committed")
    paths = sorted((folder / "images").rglob("*.jpg"))
    return [path for index, path in enumerate(paths) if (index % 5 in (1, 3)) == judged]


def _jittered(boxes: np.ndarray, draw, shift: float, scale: float) -> np.ndarray:
    sides = boxes[:, 2:4] - boxes[:, :2]
    centres = boxes[:, :2] + sides / 2 + draw.uniform(-shift, shift, sides.shape) * sides
    sides = sides * np.exp(draw.uniform(-scale, scale, (len(sides), 1)))
    return np.concatenate([centres - sides / 2, centres + sides / 2], 1)


def _views(pixels: np.ndarray, faces, draw):
    """The picture, and parts of it that cut through a face or show little else."""
    yield pixels
    height, width = pixels.shape[:2]
    faces = faces()  # found meanwhile
    large = faces[(faces[:, 2:4] - faces[:, :2]).min(1) > 30]
    for _ in range(2 if len(large) else 0):
        left, top, right, bottom = large[draw.integers(len(large))][:4]
        sides = np.array([right - left, bottom - top] * 2)
        left, top, right, bottom = (np.array([left, top, right, bottom])
                                    + np.array([-1, -1, 1, 1]) * draw.uniform(-0.25, 0.4, 4) * sides).astype(int)
        part = pixels[max(top, 0):min(bottom, height), max(left, 0):min(right, width)]
        if min(part.shape[:2]) > SMALLEST_FACE:
            yield part


def collect(pictures, detector: pipeline.Detector, seed: int = 1) -> dict[str, np.ndarray]:
    """uint8 windows: `pnet` [n, 40, 40, 3] of pyramid levels, `rnet` [n, 24, 24, 3], `onet` [n, 48, 48, 3]."""
    draw, kept = np.random.default_rng(seed), {"pnet": [], "rnet": [], "onet": []}
    detector.smallest_face = SMALLEST_FACE

    def keep(net, windows):
        kept[net].append(np.rint(windows).astype(np.uint8).transpose(0, 2, 3, 1))

    def some(boxes, most):
        return boxes[np.sort(draw.permutation(len(boxes))[:most])]

    for pixels in pictures:
        faces = np.zeros((0, 5))
        for view in _views(pixels, lambda: faces, draw):
            picture = pipeline.Picture(view)
            scale, side = 12 / SMALLEST_FACE, LEVEL_SIDE_PIXELS
            while min(picture.height, picture.width) * scale >= side:
                shape = int(picture.width * scale + 1), int(picture.height * scale + 1)
                level = picture.area(0, 0, picture.width, picture.height, *shape)
                for _ in range(min(24, 1 + shape[0] * shape[1] // side ** 2)):
                    x, y = draw.integers(shape[0] - side + 1), draw.integers(shape[1] - side + 1)
                    keep("pnet", level[None, :, y:y + side, x:x + side])
                scale *= pipeline.PYRAMID_FACTOR
            boxes = some(detector.propose(picture), MAX_BOXES)
            if not len(boxes):
                continue
            few = some(boxes, MAX_RNET_WINDOWS)
            keep("rnet", detector._windows(picture, few, 24)[0])
            keep("rnet", detector._windows(picture, _jittered(few[::2], draw, 0.1, 0.15), 24)[0])
            passed = detector.refine(picture, boxes)
            if not len(passed):
                continue
            if view is pixels:
                faces = detector.finish(picture, passed)[0]
            near = np.concatenate([_jittered(passed, draw, 0.15, 0.2) for _ in range(3)])
            keep("rnet", detector._windows(picture, some(near, 3 * MAX_ONET_BOXES), 24)[0])
            few = some(passed, MAX_ONET_BOXES)
            keep("onet", detector._windows(picture, few, 48)[0])
            for _ in range(ONET_JITTERS):
                keep("onet", detector._windows(picture, _jittered(few, draw, 0.12, 0.15), 48)[0])
            keep("onet", detector._windows(picture, some(boxes, 15), 48)[0])
    return {net: np.concatenate(windows) for net, windows in kept.items()}
