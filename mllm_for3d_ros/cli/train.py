"""``mllm-for3d train``: the stages that make the shipped models, each resumable, in this order."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "train the compact teacher and the student on Rooms, stage by stage"

_STAGES = """stages, each goes on where it was interrupted:
  text     the text head, on the training phrases; prints accuracy on the validation phrases
  views    render single views with 2D masks of rooms 0.. (teacher seeds)
  teacher  the compact teacher on those views
  scenes   record rooms 5000.. (student seeds), and lift the teacher's answers to pseudo-labels
  student  the sparse 3D student on those scenes

example: for s in text views teacher scenes student; do mllm-for3d train $s --work work; done"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _STAGES
    parser.add_argument("stage", choices=("text", "views", "teacher", "scenes", "student"), help="what to make")
    parser.add_argument(
        "--work", type=Path, default=Path("work"), help="folder of data and checkpoints (default: work)"
    )
    parser.add_argument("--models", type=Path, default=None, help="folder for finished models (default: WORK/models)")
    parser.add_argument("--rooms", type=int, default=None, help="number of rooms (views: 2000, scenes: 320)")
    parser.add_argument("--steps", type=int, default=None, help="training steps (teacher: 4200, student: 2000)")
    parser.add_argument(
        "--labels",
        choices=("teacher", "truth"),
        default="teacher",
        help="of scenes and student; truth: the twin supervised by 3D ground truth, for comparison only",
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that render (default: 2)")
    parser.add_argument("--start", type=Path, metavar="FOLDER", help="models to go on from, e.g. those in models/")
    parser.add_argument("--seed", type=int, default=0, help="seed of the training (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Run one stage."""
    from mllm_for3d_ros import training

    models = args.models or args.work / "models"
    args.work.mkdir(parents=True, exist_ok=True)
    if args.stage == "text":
        print(training.train_text(args.work, args.seed, args.start))
    elif args.stage == "views":
        training.render_views(args.work, args.rooms or 2000, args.workers)
    elif args.stage == "teacher":
        training.train_teacher(args.work, models, args.steps or 4200, args.seed, args.start)
    elif args.stage == "scenes":
        training.make_scenes(args.work, models, args.rooms or 320, args.workers, args.labels)
    else:
        training.train_student(args.work, models, args.steps or 2000, args.seed, args.start, args.labels)
    return 0
