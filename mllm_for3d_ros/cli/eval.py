"""``mllm-for3d eval``: measure what answers, on synthetic rooms and on public benchmarks."""

from __future__ import annotations

import argparse
from pathlib import Path

from mllm_for3d_ros.cli import eval_rooms
from mllm_for3d_ros.cli.eval_datasets import add_suites

HELP = """Measure what answers.

rooms  asks held-out phrasings on held-out synthetic rooms: the paper's projection-only baseline, the
       lifting, the student, and the ceiling of the lifting; or with --ablation every step of the lifting
text   the text head alone on the validation phrases: which class does a sentence ask for?
reason3d, instruct3d, intent3d
       predictions against a public benchmark whose files you have (docs/datasets.md)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    suites = parser.add_subparsers(dest="suite", required=True, metavar="{rooms,text,reason3d,instruct3d,intent3d}")
    eval_rooms.add_arguments(suites.add_parser("rooms", help="the Rooms benchmark"))
    text = suites.add_parser("text", help="the text head alone")
    text.add_argument("--checkpoint", type=Path, metavar="FILE", help="teacher in place of the shipped one")
    text.set_defaults(measure=_text)
    add_suites(suites)


def run(args: argparse.Namespace) -> int:
    """Measure what was asked for."""
    return int(args.measure(args))


def _text(args: argparse.Namespace) -> int:
    """Measure the shipped text head on the validation phrases."""
    from mllm_for3d_ros.evaluation.text_benchmark import measure_text

    for name, value in measure_text(args.checkpoint).items():
        print(f"{name:18s} {value:.3f}")
    return 0
