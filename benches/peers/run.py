#!/usr/bin/env python3
"""Runs doorward and its peers on the same frames, interleaved. See README.md beside this file."""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
PEERS = ("opencv", "torch", "tensorflow", "dlib")
MIN_FACE = 60


def python_of(peer: str) -> Path:
    folder, wanted = HERE / f".venv-{peer}", (HERE / f"requirements-{peer}.txt").read_text()
    stamp = folder / "made-from"
    if not (stamp.is_file() and stamp.read_text() == wanted):
        print(f"installing {peer} into {folder.relative_to(PROJECT)}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        # dlib-bin stands for dlib, which would be compiled.
        extra = ["--no-deps"] if peer == "dlib" else []
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "--quiet", *extra, "-r",
                        HERE / f"requirements-{peer}.txt"], check=True)
        stamp.write_text(wanted)
    return folder / "bin/python"


def make_frames(folder: Path) -> list[str]:
    """640x480 raw RGB frames of known people at several distances; gives who is in each."""
    done = subprocess.run([PROJECT / "target/release/doorward", "--config", folder / "doorward.toml", "bench",
                           "--write-frames", folder, *sorted((PROJECT / "tests/photos").glob("[begj]*-*/*.jpg"))],
                          check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.split()


class Worker:
    def __init__(self, command: list, threads: int):
        limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        self._process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, text=True, env={**os.environ, **limits})
        if self._process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{command[0]} did not start")

    def ask(self, frame: int) -> dict:
        self._process.stdin.write(f"{frame}\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def separation(embeddings: list, who: list[str]) -> str:
    """Genuine pairs that score higher than every impostor pair."""
    def cosine(a, b):
        dot = sum(x * y for x, y in zip(a, b))
        return dot / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5
    genuine, impostor = [], []
    for i, a in enumerate(embeddings):
        for j in range(i):
            if a and embeddings[j]:
                (genuine if who[i] == who[j] else impostor).append(cosine(a, embeddings[j]))
    if not genuine or not impostor:
        return "-"
    return f"{sum(g > max(impostor) for g in genuine)} of {len(genuine)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peers", nargs="+", default=["doorward", *PEERS], choices=["doorward", *PEERS])
    arguments = parser.parse_args()
    pythons = {peer: python_of(peer) for peer in arguments.peers if peer != "doorward"}
    folder = HERE / ".frames"
    folder.mkdir(exist_ok=True)
    runtime = next((PROJECT / ".runtime").glob("libonnxruntime.so.*"), None)
    if runtime is None:
        sys.exit("run `make runtime` first")
    for threads in arguments.threads:
        (folder / "doorward.toml").write_text(
            f'models.dir = "{PROJECT / "models"}"\nmodels.runtime = "{runtime}"\nmodels.threads = {threads}\n'
            f"vision.min_face_px = {MIN_FACE}\nvision.economy = false\n")
        who = make_frames(folder)
        workers = {}
        for peer in arguments.peers:
            command = ([PROJECT / "target/release/doorward", "--config", folder / "doorward.toml", "bench", "--worker",
                        folder] if peer == "doorward" else
                       [pythons[peer], HERE / "peer.py", peer, threads, folder, MIN_FACE])
            workers[peer] = Worker(command, threads)
        taken = {peer: [[] for _ in who] for peer in workers}
        answers = {peer: [None] * len(who) for peer in workers}
        order = random.Random(1)
        for turn in range(arguments.rounds + 1):
            for frame in range(len(who)):
                asked = list(workers)
                order.shuffle(asked)
                for peer in asked:
                    answer = workers[peer].ask(frame)
                    answers[peer][frame] = answer
                    if turn:  # the first round warms up
                        taken[peer][frame].append(answer["cpu_ms"])
        median = {peer: statistics.median(statistics.median(t) for t in frames) for peer, frames in taken.items()}
        base = median.get("doorward") or min(median.values())
        print(f"\n{threads} thread(s), {len(who)} frames of 640x480, {arguments.rounds} rounds")
        print(f"{'':<12}{'CPU, ratio':>12}{'faces found':>14}{'genuine over every impostor':>30}")
        for peer, ms in median.items():
            found = sum(a["faces"] > 0 for a in answers[peer])
            pairs = separation([a["embedding"] for a in answers[peer]], who)
            print(f"{peer:<12}{ms / base:>12.2f}{f'{found} of {len(who)}':>14}{pairs:>30}", flush=True)
        for worker in workers.values():
            worker.close()


if __name__ == "__main__":
    main()
