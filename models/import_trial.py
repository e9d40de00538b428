#!/usr/bin/env python3
"""Tries the import of somebody's own FaceNet from end to end: a frozen graph of random weights, its int8 and fp32 form
alone, and beside SFace; each enrols somebody and is asked who that is.

    make import-trial
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import build

PROJECT = Path(__file__).resolve().parent.parent
PHOTOS = PROJECT / "tests/photos/barack-obama"

COMPARE = """
import sys
import numpy as np, onnxruntime
said = np.load(sys.argv[2])
net = onnxruntime.InferenceSession(sys.argv[1])
[found] = net.run(None, {"input": said["pictures"].transpose(0, 3, 1, 2).astype(np.float32)})
found = found / np.linalg.norm(found, axis=1, keepdims=True)
worst = np.abs(found - said["embeddings"]).max()
apart = np.abs(said["embeddings"][0] - said["embeddings"][1]).max()
print(f"fp32 against the graph: largest difference {worst:.1e}; two pictures differ by {apart:.1e}")
sys.exit(int(worst > 1e-5 or apart < 1e-3))
"""


def run(*command) -> str:
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        sys.exit(f"import-trial: {' '.join(map(str, command[:4]))} ... failed:\n{done.stdout}")
    return done.stdout


def recognise(folder: Path, models: Path, choose: list, runtime: Path) -> None:
    config = folder / "doorward.toml"
    config.write_text(f"[models]\ndir = {json.dumps(str(models))}\nruntime = {json.dumps(str(runtime))}\n"
                      f"choose = {json.dumps(choose)}\n[access]\nthreshold = 0.7\n[whitelist]\n"
                      f"database = {json.dumps(str(folder / ('-'.join(choose or ['both']) + '.db')))}\n", encoding="utf-8")
    doorward = [PROJECT / "target/release/doorward", "--config", config]
    run(*doorward, "enroll", "Barack Obama", PHOTOS / "01.jpg", PHOTOS / "02.jpg")
    [face] = json.loads(run(*doorward, "identify", "--json", PHOTOS / "03.jpg"))["faces"]
    print(f"{', '.join(choose) or 'as it was imported'}: {face['name']}, {face['nearest']['score']:.3f}")
    if face["name"] != "Barack Obama":
        sys.exit("import-trial: nobody was recognised")


def main() -> None:
    runtime = sorted((PROJECT / ".runtime").glob("libonnxruntime.so.*"))[-1]
    python = build.make_venv()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for size in (512, 128):
            graph, said = folder / f"graph-{size}.pb", folder / f"said-{size}.npz"
            print(run(python, PROJECT / "models/frozen.py", graph, said, size).strip())
            models = folder / f"set-{size}"
            beside = ["--beside", "sface-int8"] if size == 128 else []
            run(sys.executable, PROJECT / "models/build.py", "--import", graph, "--id", "frozen", "--into", models, *beside)
            print(run(python, "-c", COMPARE, models / "frozen-fp32.onnx", said).strip())
            for choose in [[], ["sface-int8-frozen-fp32"]] if beside else [["frozen-int8"], ["frozen-fp32"]]:
                recognise(folder, models, choose, runtime)


if __name__ == "__main__":
    main()
