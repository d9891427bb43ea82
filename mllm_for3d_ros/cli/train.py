"""``mllm-for3d train``: a student from label stores, or the stages that make the shipped models, in this order."""

from __future__ import annotations

import argparse
from pathlib import Path

from mllm_for3d_ros.cli.arguments import positive_int
from mllm_for3d_ros.seeds import STUDENT

HELP = "train a student from label stores as a configuration says, or the shipped models on Rooms, stage by stage"

STAGES = ("text", "views", "teacher", "scenes", "student", "judge", "refine", "presence", "put-text", "thresholds")
_EPILOG = """CONFIG: a YAML or TOML file; config/student.yaml shows every field with its default, see docs/training.md.
On several GPUs, CPUs or machines: torchrun --nproc-per-node N -m mllm_for3d_ros.cli.main train CONFIG

stages of the shipped models, each goes on where it was interrupted:
  text     the text head and its adapter of the sentence encoder; prints accuracy on the validation phrases
  views    render single views with 2D masks of rooms 0.. (teacher seeds)
  teacher  the compact teacher on those views
  scenes   record rooms 5000.. (student seeds), and lift the teacher's answers to pseudo-labels
  student  the sparse 3D student on those scenes
  judge    label more rooms with 2D masks (teacher seeds), and learn from them how to tell what is there
  refine   mix the answers of the student in --start into the pseudo-labels, for a second student; what is there say
           tags, where scenes have them, or else the judge, where WORK has one
  presence record rooms with 2D masks (teacher seeds); which classes these show teaches the student in --models when to
           say that something is not there
  put-text put a text side trained on its own into finished models: from --start into --models
  thresholds set the thresholds of the student in --models anew, on the scenes kept out of its training

examples:
  mllm-for3d train config/student.yaml
  for s in text views teacher scenes student; do mllm-for3d train $s --work work; done
  mllm-for3d train refine --start work/models && mllm-for3d train student --labels refined --start work/models
  mllm-for3d train presence --work work
  mllm-for3d train scenes --labels truth && mllm-for3d train student --labels truth   # the supervised twin"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("what", metavar="CONFIG|STAGE", help=f"a configuration file, or {', '.join(STAGES)}")
    stages = parser.add_argument_group("options of the stages")
    stages.add_argument(
        "--work", type=Path, default=Path("work"), help="folder of data and checkpoints (default: work)"
    )
    stages.add_argument("--models", type=Path, default=None, help="folder for finished models (default: WORK/models)")
    stages.add_argument(
        "--rooms",
        type=positive_int,
        default=None,
        help="number of rooms (views: 2000, scenes: 320, judge: 180, presence: 600)",
    )
    stages.add_argument(
        "--first",
        type=int,
        default=STUDENT.start,
        metavar="SEED",
        help=f"of scenes: the first room, for a student that goes on with rooms new to it (default: {STUDENT.start})",
    )
    stages.add_argument(
        "--tagged",
        action="store_true",
        help="of scenes: rooms of the teacher's seeds in whose views it was not trained; which classes their 2D class "
        "masks show is known",
    )
    stages.add_argument(
        "--steps", type=positive_int, default=None, help="training steps (text: 1700, teacher: 4200, student: 2000)"
    )
    stages.add_argument(
        "--labels",
        choices=("teacher", "refined", "truth"),
        default="teacher",
        help="of scenes and student; refined: those of the stage refine; "
        "truth: the twin supervised by 3D ground truth, for comparison only",
    )
    stages.add_argument("--workers", type=positive_int, default=2, help="processes that render (default: 2)")
    stages.add_argument("--start", type=Path, metavar="FOLDER", help="models to go on from, e.g. those in models/")
    stages.add_argument("--seed", type=int, default=0, help="seed of the training (default: 0)")


def run(args: argparse.Namespace) -> int:
    """Train from a configuration, or run one stage."""
    if args.what in STAGES:
        _run_stage(args)
        return 0
    from mllm_for3d_ros.student.config import read_config
    from mllm_for3d_ros.student.from_stores import command_line, train_from_stores

    path = train_from_stores(read_config(_config_path(args.what)), command_line(["train", args.what]))
    if path is not None:
        print(f"wrote {path} and its card; `mllm-for3d model info {path}` shows it")
    return 0


def _config_path(what: str) -> Path:
    from mllm_for3d_ros.errors import TrainingError
    from mllm_for3d_ros.student.config import SUFFIXES

    path = Path(what)
    if path.suffix not in SUFFIXES:
        raise TrainingError(f"{what!r} is no stage ({', '.join(STAGES)}) and no configuration (.yaml, .toml)")
    return path


def _run_stage(args: argparse.Namespace) -> None:
    from mllm_for3d_ros import scene_stages, training

    models = args.models or args.work / "models"
    args.work.mkdir(parents=True, exist_ok=True)
    if args.what in ("text", "put-text"):
        _run_text_stage(args, models)
    elif args.what == "views":
        training.render_views(args.work, args.rooms or 2000, args.workers)
    elif args.what == "teacher":
        training.train_teacher(args.work, models, args.steps or 4200, args.seed, args.start)
    elif args.what == "scenes":
        scene_stages.make_scenes(
            args.work, models, args.rooms or 320, args.workers, args.labels, args.first, args.tagged
        )
    elif args.what == "judge":
        from mllm_for3d_ros.judge_training import ROOMS, train_judge

        rooms = args.rooms or ROOMS
        print(train_judge(args.work, models, args.start or models, rooms, args.workers, args.seed))
    elif args.what == "presence":
        from mllm_for3d_ros.presence_training import ROOMS as SHOWN_ROOMS
        from mllm_for3d_ros.presence_training import train_presence

        print(train_presence(args.work, models, args.rooms or SHOWN_ROOMS, args.workers, args.seed))
    elif args.what == "refine":
        scene_stages.refine_scenes(args.work, args.start or models, args.workers)
    elif args.what == "thresholds":
        print(training.set_thresholds(args.work, models, args.labels))
    else:
        training.train_student(args.work, models, args.steps or 2000, args.seed, args.start, args.labels)


def _run_text_stage(args: argparse.Namespace, models: Path) -> None:
    from tqdm import tqdm

    from mllm_for3d_ros.errors import CheckpointError
    from mllm_for3d_ros.language.adapter_training import AdapterSettings
    from mllm_for3d_ros.text_training import put_text, train_text

    if args.what == "put-text":
        if args.start is None:
            raise CheckpointError("put-text needs --start, the folder of the finished models")
        for path in put_text(args.work, args.start, models):
            print(f"wrote {path} and its card")
        return
    settings = AdapterSettings(steps=args.steps or AdapterSettings.steps, seed=args.seed)
    with tqdm(total=settings.steps, desc="text", unit="step") as bar:

        def show(step: int, loss: float) -> None:
            bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
            bar.update(step - bar.n)

        figures = train_text(args.work, settings, args.start, show)
    print(figures)
