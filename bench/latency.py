"""How long does an instruction take? Encoding a map, then answers on it, with the shipped student.

python -m bench.latency [--quick] [--seed 10000] [--checkpoint FILE] [--device cpu] [--threads 2]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from bench.report import report
from mllm_for3d_ros.answering.loading import load_answerer
from mllm_for3d_ros.evaluation.mapped_room import map_room
from mllm_for3d_ros.rooms.choice import choose_instructions


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, within a minute")
    parser.add_argument("--seed", type=int, default=10000, help="validation room")
    parser.add_argument("--checkpoint", type=Path, help="student in place of the shipped one")
    parser.add_argument("--device", default="cpu", help="auto, cuda or cpu")
    parser.add_argument("--threads", type=int, help="threads of the network; default as PyTorch chooses")
    args = parser.parse_args()
    report("latency", measure(args))


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Figures by name; the first encoding and answer are left out of the percentiles and told apart."""
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    start = time.perf_counter()
    answerer, _ = load_answerer(args.checkpoint, args.device)
    load_s = time.perf_counter() - start
    room = map_room(args.seed, 30 if args.quick else 60)
    encode = [_timed(lambda: answerer.encode(room.cloud)) for _ in range(3 if args.quick else 10)]
    scene = answerer.encode(room.cloud)
    asked = choose_instructions(room.recording.room, room.truth, "validation", np.random.default_rng(0), per_class=4)
    texts = [one.text for one in asked]
    answers = [_timed(lambda text=text: answerer.answer(scene, text)) for text in texts[: 30 if args.quick else 200]]
    return {
        "load_s": load_s,
        "map_voxels": float(len(room.cloud)),
        "encode_first_ms": encode[0],
        "encode_ms_p50": float(np.median(encode[1:])),
        "answer_first_ms": answers[0],
        "answer_ms_p50": float(np.median(answers[1:])),
        "answer_ms_p95": float(np.quantile(answers[1:], 0.95)),
        "answers": float(len(answers)),
    }


def _timed(work: object) -> float:
    """Milliseconds that calling ``work`` takes."""
    assert callable(work)
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
