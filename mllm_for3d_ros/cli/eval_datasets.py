"""``mllm-for3d eval reason3d|instruct3d|intent3d``: predictions scored on a public benchmark."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mllm_for3d_ros.cli.arguments import save_json, table

if TYPE_CHECKING:
    from mllm_for3d_ros.evaluation.datasets.benchmarks import Benchmark
    from mllm_for3d_ros.evaluation.datasets.scoring import DatasetReport

SUITES = {
    "reason3d": "Reason3D over ScanNet and Matterport3D",
    "instruct3d": "Instruct3D over ScanNet++",
    "intent3d": "Intent3D over ScanNet",
}


def add_suites(suites: Any) -> None:
    """Declare a suite for each benchmark on the subparsers of ``eval``."""
    for name, title in SUITES.items():
        suite = suites.add_parser(name, help=title, description=f"Score predictions on {title} (docs/datasets.md).")
        suite.add_argument("--data", type=Path, required=True, metavar="DIR", help="the benchmark's files")
        asked = suite.add_mutually_exclusive_group(required=True)
        asked.add_argument(
            "--predictions", type=Path, metavar="DIR", help="label stores or .npz masks, a folder a scene"
        )
        asked.add_argument("--questions", type=Path, metavar="DIR", help="write <scene>.json for `label` and stop")
        suite.add_argument("--split", default="val", choices=("train", "val", "test"), help="which annotations")
        suite.add_argument("--answered-only", action="store_true", help="leave out questions without prediction")
        suite.add_argument("--json", type=Path, metavar="FILE", help="write all rows and figures there")
        suite.set_defaults(measure=measure)


def measure(args: argparse.Namespace) -> int:
    """Write the questions, or score the predictions."""
    from mllm_for3d_ros.evaluation.datasets.benchmarks import BENCHMARKS

    benchmark = BENCHMARKS[args.suite](args.data, args.split)
    if args.questions:
        write_questions(benchmark, args.questions)
        return 0
    report = _score(benchmark, args)
    print(describe(report))
    unanswered = sum(not row.predicted for row in report.rows)
    if unanswered:
        print(f"note: {unanswered} questions have no prediction and count as empty answers", file=sys.stderr)
    if args.json:
        save_json(args.json, report.as_dict() | {"split": args.split, "predictions": str(args.predictions)})
    return 0


def write_questions(benchmark: Benchmark, folder: Path) -> None:
    """Write the questions of each scene as <scene>.json, which ``label --instructions`` takes."""
    from mllm_for3d_ros.evaluation.datasets.scoring import by_scene

    scenes = by_scene(benchmark)
    for scene_id, queries in scenes.items():
        save_json(folder / f"{scene_id}.json", list(dict.fromkeys(query.text for query in queries)))
    print(f"{len(benchmark.queries)} questions on {len(scenes)} scenes are in {folder}")


def _score(benchmark: Benchmark, args: argparse.Namespace) -> DatasetReport:
    """Score, with a progress bar on a terminal."""
    from tqdm import tqdm

    from mllm_for3d_ros.evaluation.datasets.scoring import by_scene, score_benchmark

    with tqdm(total=len(by_scene(benchmark)), desc=benchmark.name, unit="scene", disable=None, leave=False) as bar:
        return score_benchmark(benchmark, args.predictions, args.answered_only, lambda scene_id: bar.update(1))


def describe(report: DatasetReport) -> str:
    """The figures as a table, a row for each dataset that the scenes are of."""
    header = [
        "scenes of",
        "queries",
        "predicted",
        "mIoU",
        "Acc@0.25",
        "Acc@0.5",
        "gIoU",
        "cIoU",
        "absent",
        "specificity",
    ]
    names = ["miou", "acc@0.25", "acc@0.5", "giou", "ciou"]
    boxes = ["box_miou", "box_acc@0.25", "box_acc@0.5"]
    groups = report.groups()
    boxed = any(name in figures for figures in groups.values() for name in boxes)
    rows = []
    for group, figures in groups.items():
        counts = [str(figures["present"] + figures["absent"]), str(figures["predicted"])]
        absent = [str(figures["absent"]), _percent(figures["specificity"])]
        shown = [_percent(figures.get(name)) for name in boxes] if boxed else []
        rows.append([group, *counts, *(_percent(figures[name]) for name in names), *absent, *shown])
    titles = ["box IoU", "box Acc@0.25", "box Acc@0.5"] if boxed else []
    return f"{report.benchmark} ({SUITES[report.benchmark]})\n" + table([*header, *titles], rows)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"
