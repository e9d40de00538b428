#!/usr/bin/env python3
"""Regenerates what OpenCV's own SFace makes of the golden crops' faces: sface.json and crops/sface-*.png.

    python3 -m venv /tmp/sface && /tmp/sface/bin/pip install -r tests/golden/requirements-sface.txt
    /tmp/sface/bin/python tests/golden/make_sface.py models/.build/source/face_recognition_sface_2021dec_int8bq.onnx

The model is the one that models/build.py starts from (it unpacks it there). cv2.FaceRecognizerSF turns each face to
the five points and embeds it; the faces are those of embeddings.json, with the landmarks of mtcnn.json.
"""

import hashlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent


def main() -> None:
    model = Path(sys.argv[1])
    recogniser = cv2.FaceRecognizerSF.create(str(model), "")
    pictures = {p["file"]: p for p in json.loads((HERE / "mtcnn.json").read_text())["pictures"]}
    crops = []
    for number, crop in enumerate(json.loads((HERE / "embeddings.json").read_text())["crops"], 1):
        face = pictures[crop["picture"]]["faces"][crop["face"]]
        left, top, right, bottom = face["rect"]
        row = np.array([[left, top, right - left, bottom - top, *np.ravel(face["landmarks"]), face["score"]]], np.float32)
        aligned = recogniser.alignCrop(cv2.imread(str(HERE / crop["picture"])), row)
        embedding = recogniser.feature(aligned)[0].astype(np.float64)
        file = f"crops/sface-{number:02}.png"
        cv2.imwrite(str(HERE / file), aligned, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        crops.append({"file": file, "picture": crop["picture"], "face": crop["face"],
                      "embedding": [round(v, 6) for v in embedding / np.linalg.norm(embedding)]})
    result = {"about": "Made by make_sface.py. L2-normalised embeddings of faces turned to ArcFace's five points.",
              "model": model.name, "model_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
              "versions": {"opencv": cv2.__version__}, "crops": crops}
    (HERE / "sface.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
