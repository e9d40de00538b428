#!/usr/bin/env python3
"""Regenerates the reference results that doorward's vision tests compare with.

    python3.11 tests/golden/make.py

Only needed when the pictures, the reference or models/facenet128-int8.onnx
change: the results are committed, and no test runs this script. The first run
makes tests/golden/.venv from requirements.txt (PyTorch with its CUDA libraries:
5 GB of disk, a few minutes); later runs take seconds.

What it writes, all beside itself:

    pictures/         test pictures made from tests/photos, the same bytes each
                      run: pasted people, light, blur, noise, rotation, borders,
                      faces that fill the picture or are cut by it
    mtcnn.json        what facenet-pytorch's MTCNN finds in each picture, with
                      windows at the border padded (see below; pixels, floats not
                      rounded; boxes may leave the picture), and for three
                      pictures what each stage saw
    crops/            160x160 RGB face crops cut as facenet-pytorch cuts them
    embeddings.json   their L2-normalised embeddings by Python ONNX Runtime and
                      models/facenet128-int8.onnx; left as it is, with a line
                      saying so, while that model has not been built

facenet-pytorch cuts the windows of R- and O-Net at the picture's border and
stretches what is left to a square. The original MTCNN and David Sandberg's
detect_face fill what is outside with black (0 before normalisation) and keep
the shape. In the pictures tight-* the landmarks of the two lie 6 to 95 pixels
apart, mean of the five, and the padded ones are on the face. So the reference
is facenet-pytorch's own cascade with only its cutting replaced
(`pad_at_the_border`). A box entirely outside the picture is dropped: there is
nothing to see in it.

MTCNN: Zhang et al., "Joint Face Detection and Alignment Using Multitask
Cascaded Convolutional Networks", IEEE Signal Processing Letters, 2016.
"""

import hashlib
import inspect
import json
import math
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PHOTOS = HERE.parent / "photos"
PICTURES = HERE / "pictures"
CROPS = HERE / "crops"
EMBEDDER = HERE.parent.parent / "models" / "facenet128-int8.onnx"
VENV = HERE / ".venv"


def enter_venv():
    """Runs this script again inside its own virtual environment."""
    python = VENV / "bin" / "python"
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    if sys.version_info[:2] != (3, 11):
        sys.exit("tests/golden/make.py: the pinned PyTorch was checked with Python 3.11 only; "
                 "run it with python3.11")
    wanted = (HERE / "requirements.txt").read_text()
    installed = VENV / "installed.txt"
    if not installed.exists() or installed.read_text() != wanted:
        print("installing the reference into tests/golden/.venv", flush=True)
        venv.create(VENV, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "-r"]
        subprocess.run(pip + [str(HERE / "requirements.txt")], check=True)
        installed.write_text(wanted)
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.execv(python, [str(python), str(Path(__file__).resolve())])


enter_venv()

import facenet_pytorch  # noqa: E402  (only the virtual environment has these)
import numpy  # noqa: E402
import onnxruntime  # noqa: E402
import PIL  # noqa: E402
import torch  # noqa: E402
from PIL import Image, ImageChops, ImageEnhance, ImageFilter  # noqa: E402

PARAMETERS = {
    "min_face_size": 40,
    "thresholds": [0.6, 0.7, 0.7],
    "factor": 0.709,
    "keep_all": True,
    "select_largest": False,
}

# The face in each photo, in pixels: centre x, centre y, width.
# Written down, not detected, so that the pictures do not depend on a detector.
FACES = {
    "barack-obama/01": (409, 209, 203),
    "barack-obama/02": (224, 284, 184),
    "barack-obama/03": (432, 239, 152),
    "eileen-collins/01": (223, 117, 87),
    "grace-hopper/01": (256, 225, 184),
    "joe-biden/01": (392, 253, 197),
}
OBAMA, OBAMA_SPEAKING, OBAMA_STANDING, COLLINS, HOPPER, BIDEN = FACES


# --- pictures ---------------------------------------------------------------

def photo(name):
    return Image.open(PHOTOS / f"{name}.jpg").convert("RGB")


def fit(name, longest):
    """A whole photo, its longest side `longest` pixels."""
    picture = photo(name)
    picture.thumbnail((longest, longest), Image.LANCZOS)
    return picture


def wall(width, height, top=(196, 190, 178), bottom=(120, 116, 112)):
    """A plain wall that gets darker towards the floor."""
    y = numpy.linspace(0.0, 1.0, height)[:, None, None]
    column = numpy.array(top) * (1.0 - y) + numpy.array(bottom) * y
    pixels = numpy.broadcast_to(column, (height, width, 3))
    return Image.fromarray(numpy.ascontiguousarray(pixels.round().astype("uint8")))


def scene(name, width, height, blur=0.0):
    """A photo without people, stretched to the frame."""
    picture = photo(f"scenes-free/{name}").resize((width, height), Image.LANCZOS)
    return picture.filter(ImageFilter.GaussianBlur(blur)) if blur else picture


def put(frame, name, face_px, at, turn=0.0, mirror=False):
    """Pastes a person so that the face is `face_px` wide with its centre `at`.

    Keeps the head and shoulders only, with a soft edge all round: a hard one
    would be a feature of its own. `turn` is in degrees, anticlockwise.
    """
    x, y, width = FACES[name]
    scale = face_px / width
    # As much around the face as every photo has; past its rim, nothing.
    left, top, right, bottom = (x - 0.95 * width, y - 1.15 * width,
                                x + 0.95 * width, y + 1.6 * width)
    size = (round((right - left) * scale), round((bottom - top) * scale))
    source = photo(name)
    inside = Image.new("L", source.size, 255)
    box = tuple(round(v) for v in (left, top, right, bottom))
    person = source.crop(box).resize(size, Image.LANCZOS)
    known = inside.crop(box).resize(size, Image.BILINEAR)
    soft = max(2, round(0.12 * face_px))
    rim = Image.new("L", size, 0)
    rim.paste(255, (soft, soft, size[0] - soft, size[1] - soft))
    rim = rim.filter(ImageFilter.GaussianBlur(soft / 2))
    mask = ImageChops.darker(rim, known.filter(ImageFilter.MinFilter(3)))
    centre = ((x - left) * scale, (y - top) * scale)
    if mirror:
        person, mask = (i.transpose(Image.FLIP_LEFT_RIGHT) for i in (person, mask))
        centre = (size[0] - centre[0], centre[1])
    if turn:
        person, mask = (i.rotate(turn, Image.BICUBIC, center=centre) for i in (person, mask))
    frame.paste(person, (round(at[0] - centre[0]), round(at[1] - centre[1])), mask)
    return frame


def light(picture, brightness=1.0, contrast=1.0):
    picture = ImageEnhance.Brightness(picture).enhance(brightness)
    return ImageEnhance.Contrast(picture).enhance(contrast)


def side_light(picture, left, right):
    """Light that falls off across the frame, as beside a window."""
    pixels = numpy.asarray(picture).astype("float64")
    gain = numpy.linspace(left, right, picture.width)[None, :, None]
    return Image.fromarray((pixels * gain).round().clip(0, 255).astype("uint8"))


def noise(picture, sigma, seed):
    """Sensor noise, normal, `sigma` grey levels."""
    pixels = numpy.asarray(picture).astype("float64")
    pixels += numpy.random.RandomState(seed).normal(0.0, sigma, pixels.shape)
    return Image.fromarray(pixels.round().clip(0, 255).astype("uint8"))


def tight(name, longest, left=0.5, top=0.5, right=0.5, bottom=0.5):
    """A photo cut so close that the face fills or leaves it.

    The four sides lie this far from the face's centre, in face widths; a face is
    some 1.3 widths high, from 0.65 above its centre to 0.65 below.
    """
    x, y, width = FACES[name]
    source = photo(name)
    box = (max(0, round(x - left * width)), max(0, round(y - top * width)),
           min(source.width, round(x + right * width)), min(source.height, round(y + bottom * width)))
    picture = source.crop(box)
    scale = longest / max(picture.size)
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.LANCZOS)


def make_pictures():
    """File name -> picture. JPEG only where PNG would be big."""
    vga = lambda: wall(640, 480)  # noqa: E731
    blurred = ImageFilter.GaussianBlur
    return {
        # Whole photos.
        "photo-collins.png": fit(COLLINS, 400),
        "photo-hopper.jpg": fit(HOPPER, 600),
        "photo-obama.jpg": fit(OBAMA, 640),
        "photo-obama-speaking.jpg": fit(OBAMA_SPEAKING, 640),
        "photo-obama-standing.jpg": fit(OBAMA_STANDING, 480),
        "photo-biden.jpg": fit(BIDEN, 640),
        # One face, from far to near.
        "one-45px.png": put(vga(), OBAMA, 45, (330, 200)),
        "one-60px.png": put(vga(), HOPPER, 60, (180, 220)),
        "one-75px.png": put(vga(), COLLINS, 75, (470, 190)),
        "one-90px.png": put(vga(), BIDEN, 90, (320, 230)),
        "one-120px-cluttered.jpg": put(scene("coffee", 640, 480), COLLINS, 120, (300, 220)),
        "one-160px.png": put(vga(), OBAMA_SPEAKING, 160, (350, 210)),
        "one-220px.jpg": put(vga(), HOPPER, 220, (300, 240)),
        "one-300px.jpg": put(vga(), BIDEN, 300, (320, 250)),
        # Several at once.
        "two-people.png": put(put(vga(), OBAMA_STANDING, 100, (180, 200)), COLLINS, 90, (450, 210)),
        "four-people.jpg": put(put(put(put(
            scene("brick", 640, 480, blur=2.0), BIDEN, 80, (100, 200)),
            HOPPER, 65, (260, 170)), OBAMA, 100, (420, 230)), COLLINS, 55, (570, 160)),
        "six-people.png": put(put(put(put(put(put(
            vga(), OBAMA, 50, (80, 110)), HOPPER, 56, (300, 100)), BIDEN, 62, (530, 120)),
            COLLINS, 68, (110, 340)), OBAMA_SPEAKING, 74, (320, 330)),
            OBAMA_STANDING, 80, (540, 330)),
        "near-and-far.jpg": put(put(wall(800, 600), HOPPER, 48, (120, 180)), OBAMA, 230, (500, 290)),
        # Light, focus, noise, tilt.
        "dark.png": light(put(vga(), OBAMA_SPEAKING, 110, (320, 210)), brightness=0.3),
        "bright.png": light(put(vga(), BIDEN, 110, (300, 220)), brightness=1.6),
        "flat.png": light(put(vga(), HOPPER, 100, (340, 220)), contrast=0.4),
        "side-light.png": side_light(put(vga(), OBAMA_STANDING, 110, (320, 220)), 1.35, 0.25),
        "grey.png": put(vga(), COLLINS, 100, (320, 200)).convert("L").convert("RGB"),
        "out-of-focus.png": put(vga(), HOPPER, 110, (300, 220)).filter(blurred(2.0)),
        "noisy.png": noise(put(wall(320, 240), BIDEN, 80, (160, 110)), 12.0, seed=1),
        "noisy-dark.png": noise(light(put(wall(320, 240), OBAMA, 80, (150, 110)),
                                      brightness=0.4), 6.0, seed=2),
        "tilted-left.png": put(vga(), COLLINS, 110, (320, 220), turn=12),
        "tilted-both.png": put(put(vga(), BIDEN, 90, (170, 220), turn=-15),
                               HOPPER, 85, (470, 230), turn=10),
        "mirrored.png": put(vga(), OBAMA_SPEAKING, 120, (330, 220), mirror=True),
        # Faces cut by the border.
        "border-left.png": put(vga(), OBAMA, 120, (38, 220)),
        "border-right.png": put(vga(), BIDEN, 130, (606, 240)),
        "border-top.png": put(vga(), COLLINS, 130, (320, 40)),
        "border-bottom.png": put(vga(), OBAMA_STANDING, 120, (260, 440)),
        # Faces that fill the picture, and faces that it cuts.
        "tight-320px.jpg": tight(OBAMA, 320, 0.55, 0.7, 0.55, 0.7),
        "tight-220px.jpg": tight(HOPPER, 220, 0.52, 0.66, 0.52, 0.66),
        "tight-120px.png": tight(BIDEN, 120, 0.55, 0.7, 0.55, 0.7),
        "tight-forehead-320px.jpg": tight(OBAMA_SPEAKING, 320, 0.8, 0.3, 0.8, 0.9),
        "tight-forehead-220px.jpg": tight(COLLINS, 220, 0.7, 0.3, 0.7, 0.8),
        "tight-forehead-120px.png": tight(OBAMA_STANDING, 120, 0.8, 0.3, 0.8, 0.9),
        "tight-chin-320px.jpg": tight(BIDEN, 320, 0.8, 0.9, 0.8, 0.4),
        "tight-chin-160px.png": tight(OBAMA_STANDING, 160, 0.8, 0.9, 0.8, 0.4),
        "tight-left-320px.jpg": tight(HOPPER, 320, 0.2, 0.9, 0.9, 0.9),
        "tight-left-160px.png": tight(COLLINS, 160, 0.2, 0.9, 0.9, 0.9),
        "tight-right-320px.jpg": tight(OBAMA, 320, 0.9, 0.9, 0.2, 0.9),
        "tight-right-160px.png": tight(OBAMA_SPEAKING, 160, 0.9, 0.9, 0.2, 0.9),
        # Other frame sizes.
        "size-320x240.png": put(wall(320, 240), OBAMA_SPEAKING, 70, (170, 100)),
        "size-333x247.png": put(wall(333, 247), HOPPER, 90, (160, 120)),
        "size-480x640.png": put(wall(480, 640), BIDEN, 130, (240, 260)),
        "size-72x72.png": put(wall(72, 72), COLLINS, 48, (36, 34)),
        # Nobody there.
        "empty-wall.png": vga(),
        "empty-table.jpg": scene("coffee", 640, 480),
        "empty-bricks.jpg": light(scene("brick", 640, 480), brightness=0.7),
    }


def write_pictures():
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.iterdir():
        old.unlink()
    for name, picture in make_pictures().items():
        # Full-resolution chroma keeps JPEG decoders within a level or two of each other.
        how = {"optimize": True} if name.endswith(".png") else {"quality": 90, "subsampling": 0}
        picture.save(PICTURES / name, **how)


# --- the reference detector -------------------------------------------------

STAGED = ["photo-collins.png", "two-people.png", "size-333x247.png"]


class Stages:
    """Writes down what goes into and out of each network of the cascade."""

    def __init__(self, detector):
        self.hooks = [
            detector.pnet.register_forward_hook(self.proposal),
            detector.rnet.register_forward_hook(self.refine("refine")),
            detector.onet.register_forward_hook(self.refine("output")),
        ]
        self.seen = {"proposal": [],
                     "refine": {"boxes_in": 0, "boxes_kept": 0},
                     "output": {"boxes_in": 0, "boxes_kept": 0}}

    def proposal(self, _net, inputs, outputs):
        face = outputs[1][0, 1]
        self.seen["proposal"].append({
            "input_hw": list(inputs[0].shape[2:]),
            "input_mean": float(inputs[0].double().mean()),
            "output_hw": list(face.shape),
            "probability_max": float(face.max()),
            "probability_mean": float(face.double().mean()),
            "cells_kept": int((face >= PARAMETERS["thresholds"][0]).sum()),
        })

    def refine(self, stage):
        threshold = PARAMETERS["thresholds"][1 if stage == "refine" else 2]

        def hook(_net, inputs, outputs):
            self.seen[stage]["boxes_in"] += len(inputs[0])
            self.seen[stage]["boxes_kept"] += int((outputs[-1][:, 1] > threshold).sum())

        return hook

    def close(self):
        for hook in self.hooks:
            hook.remove()
        return self.seen


def windows(boxes, image_inds, width, height):
    """The boxes that touch the picture, and their rows and columns (from 1, both ends
    included), which facenet-pytorch's `pad` would cut to the picture."""
    edges = boxes[:, :4].trunc().int()
    touching = ((edges[:, 0] <= width) & (edges[:, 2] >= 1)
                & (edges[:, 1] <= height) & (edges[:, 3] >= 1))
    x, y, ex, ey = edges[touching].cpu().numpy().T
    return boxes[touching], image_inds[touching], y, ey, x, ex


def window(picture, y, ey, x, ex):
    """These rows and columns of a picture of three planes, black (0) where it has none."""
    planes, height, width = picture.shape
    pixels = torch.zeros((1, planes, ey - y + 1, ex - x + 1), dtype=picture.dtype)
    top, bottom = max(y, 1), min(ey, height)
    left, right = max(x, 1), min(ex, width)
    pixels[0, :, top - y:bottom - y + 1, left - x:right - x + 1] = (
        picture[:, top - 1:bottom, left - 1:right])
    return pixels


def pad_at_the_border():
    """Replaces facenet-pytorch's cutting of windows, and nothing else, in its cascade."""
    from facenet_pytorch.models import mtcnn
    from facenet_pytorch.models.utils import detect_face as cascade
    source = inspect.getsource(cascade.detect_face)
    for theirs, ours in [
        ("y, ey, x, ex = pad(boxes, w, h)",
         "boxes, image_inds, y, ey, x, ex = windows(boxes, image_inds, w, h)"),
        ("imgs[image_inds[k], :, (y[k] - 1):ey[k], (x[k] - 1):ex[k]].unsqueeze(0)",
         "window(imgs[image_inds[k]], y[k], ey[k], x[k], ex[k])"),
    ]:
        # Once each for R- and O-Net.
        if source.count(theirs) != 2:
            sys.exit(f"tests/golden/make.py: no two lines with `{theirs}` in facenet-pytorch's "
                     "detect_face; install the version that requirements.txt pins")
        source = source.replace(theirs, ours)
    cascade.windows, cascade.window = windows, window
    exec(source, vars(cascade))
    mtcnn.detect_face = cascade.detect_face


def find_faces(detector, picture):
    boxes, scores, landmarks = detector.detect(picture, landmarks=True)
    if boxes is None:
        return []
    return [{"rect": [float(v) for v in box],
             "score": float(score),
             "landmarks": [[float(x), float(y)] for x, y in points]}
            for box, score, points in zip(boxes, scores, landmarks)]


def run_reference():
    torch.set_num_threads(1)
    pad_at_the_border()
    detector = facenet_pytorch.MTCNN(device="cpu", **PARAMETERS)
    pictures = []
    for path in sorted(PICTURES.iterdir()):
        picture = Image.open(path).convert("RGB")
        stages = Stages(detector) if path.name in STAGED else None
        entry = {
            "file": f"pictures/{path.name}",
            "width": picture.width,
            "height": picture.height,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "faces": find_faces(detector, picture),
        }
        if stages:
            entry["stages"] = stages.close()
        pictures.append(entry)
    return {
        "about": "Made by make.py: facenet-pytorch's MTCNN, but windows at the border padded "
                 "with black. Pixels of the picture, origin at its top left corner; "
                 "landmarks: left eye, right eye, nose, left and right mouth corner as seen.",
        "versions": {"facenet-pytorch": facenet_pytorch_version(),
                     "torch": torch.__version__.split("+")[0],
                     "numpy": numpy.__version__, "pillow": PIL.__version__},
        "parameters": PARAMETERS,
        "pictures": pictures,
    }


def facenet_pytorch_version():
    from importlib.metadata import version
    return version("facenet-pytorch")


# --- the reference embeddings -----------------------------------------------

# Picture and which of its faces; all wider than 60 pixels. Each person twice,
# so that a test can also see that distances come out right.
EMBEDDED = [
    ("photo-collins.png", 0), ("one-120px-cluttered.jpg", 0),
    ("photo-hopper.jpg", 0), ("out-of-focus.png", 0),
    ("photo-obama.jpg", 0), ("one-160px.png", 0),
    ("photo-biden.jpg", 0), ("border-right.png", 0),
]
SIDE = 160
MARGIN = 14


def cut(picture, rect):
    """The crop FaceNet gets: the box, a margin of 14 in 160, inside the picture."""
    x1, y1, x2, y2 = rect
    across = MARGIN * (x2 - x1) / (SIDE - MARGIN)
    down = MARGIN * (y2 - y1) / (SIDE - MARGIN)
    box = (int(max(x1 - across / 2, 0)), int(max(y1 - down / 2, 0)),
           int(min(x2 + across / 2, picture.width)), int(min(y2 + down / 2, picture.height)))
    return box, picture.crop(box).resize((SIDE, SIDE), Image.BILINEAR)


def embed(session, crop):
    pixels = numpy.asarray(crop).astype("float32")
    spread = max(float(pixels.std(dtype="float64")), 1.0 / math.sqrt(pixels.size))
    white = (pixels - numpy.float32(pixels.mean(dtype="float64"))) / numpy.float32(spread)
    batch = numpy.ascontiguousarray(white.transpose(2, 0, 1)[None], dtype="float32")
    vector = session.run(None, {session.get_inputs()[0].name: batch})[0][0].astype("float64")
    return vector / numpy.linalg.norm(vector)


def write_crops(reference):
    CROPS.mkdir(exist_ok=True)
    for old in CROPS.iterdir():
        old.unlink()
    faces = {Path(p["file"]).name: p["faces"] for p in reference["pictures"]}
    crops = []
    for number, (name, which) in enumerate(EMBEDDED, start=1):
        picture = Image.open(PICTURES / name).convert("RGB")
        box, crop = cut(picture, faces[name][which]["rect"])
        file = f"crops/{number:02}.png"
        crop.save(HERE / file, optimize=True)
        crops.append({"file": file, "picture": f"pictures/{name}", "face": which,
                      "box": list(box), "image": crop})
    return crops


def run_embedder(crops):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Without this an x86 CPU lacking VNNI saturates its int8 sums and drifts;
    # with it every CPU gives the same numbers.
    options.add_session_config_entry("session.x64quantprecision", "1")
    model = EMBEDDER.read_bytes()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return {
        "about": "Made by make.py. L2-normalised embeddings of whitened 160x160 crops.",
        "model": "models/facenet128-int8.onnx",
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "versions": {"onnxruntime": onnxruntime.__version__},
        "crops": [{**{k: v for k, v in crop.items() if k != "image"},
                   "embedding": [round(float(v), 6) for v in embed(session, crop["image"])]}
                  for crop in crops],
    }


def save_json(name, value):
    (HERE / name).write_text(json.dumps(value, indent=1) + "\n")


def main():
    write_pictures()
    reference = run_reference()
    save_json("mtcnn.json", reference)
    faces = [f for p in reference["pictures"] for f in p["faces"]]
    wide = [f for f in faces if f["rect"][2] - f["rect"][0] >= 40]
    print(f"mtcnn.json: {len(reference['pictures'])} pictures, {len(faces)} faces, "
          f"{len(wide)} of them at least 40 px wide")
    crops = write_crops(reference)
    if EMBEDDER.exists():
        save_json("embeddings.json", run_embedder(crops))
        print(f"embeddings.json: {len(crops)} crops")
    else:
        print("embeddings.json: left as it is, models/facenet128-int8.onnx is not there; "
              "run models/build.py first")


if __name__ == "__main__":
    main()
