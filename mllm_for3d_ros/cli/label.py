"""``mllm-for3d label``: recordings in, 3D pseudo-labels and a report out, with no 3D annotation."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mllm_for3d_ros.cli.arguments import positive_float, positive_int, table
from mllm_for3d_ros.cli.teacher_arguments import add_teacher_arguments, open_cache, teacher_options
from mllm_for3d_ros.errors import InstructionError
from mllm_for3d_ros.labeling.settings import VIEWS

if TYPE_CHECKING:
    from mllm_for3d_ros.labeling.plan import Plan
    from mllm_for3d_ros.labeling.runner import Listener
    from mllm_for3d_ros.labeling.settings import Asked, LabelJob
    from mllm_for3d_ros.labeling.summary import RunSummary
    from mllm_for3d_ros.teachers.cache import AnswerCache
    from mllm_for3d_ros.teachers.options import TeacherOptions

HELP = """Label recordings: each is mapped, a 2D teacher answers every instruction on chosen views, and the
answers are lifted to one 3D label each.

DIR gets a label store for each recording (docs/label_store.md), report.html, and run.json with figures. The
teacher is asked about an image and an instruction once, ever: its answers are cached, and finished labels are
kept, so an interrupted run goes on where it stopped. See docs/labeling.md.

exit status: 0 all recordings are labelled, 1 some failed, 3 all failed, 2 nothing could be begun
or the run broke off, 130 Ctrl-C"""
TOPICS = ("color_topic", "depth_topic", "camera_info_topic", "pose_topic", "map_frame", "camera_frame")
VOCABULARY_KIND = "explicit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add = parser.add_argument
    add(
        "recordings",
        nargs="+",
        metavar="PATH",
        help="bags (MCAP, SQLite, ROS 1), image folders, folders of them, globs",
    )
    add("--out", type=Path, default=Path("out/label"), metavar="DIR", help="folder for the labels")
    add("--overwrite", action="store_true", help="start anew where DIR has labels of these recordings")
    add("--dry-run", action="store_true", help="say what would be done, with an estimate, and do nothing")
    add("--no-report", action="store_true", help="write no pages")
    add("--rerun", action="store_true", help="also write a Rerun recording of each scene (extra `rerun`)")
    add(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="spread the recordings over a Ray cluster; without ADDRESS over the cores of this machine (extra `ray`)",
    )
    _add_instructions(parser.add_argument_group("instructions, at least one of"))
    _add_settings(parser.add_argument_group("map and views"))
    topics = parser.add_argument_group("topics and frames of bags, found by type and name where not given")
    for name in TOPICS:
        topics.add_argument(f"--{name.replace('_', '-')}", metavar="NAME")
    topics.add_argument("--max-interval", type=positive_float, metavar="S", help="between colour and depth; 0.02")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--quiet", action="store_true", help="print errors and warnings only")
    shown.add_argument("--json-lines", action="store_true", help="print progress and the result as JSON, one a line")
    add_teacher_arguments(parser)


def _add_instructions(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--instructions", nargs="+", default=[], metavar="TEXT", help="sentences, or .txt or .json files of them")
    add(
        "--vocabulary",
        nargs="?",
        const="",
        metavar="FILE",
        help='"the NAME" for each name of a text file, or of the compact teacher\'s classes',
    )
    add("--propose", type=positive_int, default=0, metavar="N", help="N more a scene, by the teacher (MLLMs only)")


def _add_settings(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--views", type=positive_int, default=VIEWS, metavar="N", help="views asked for an instruction")
    add("--key-frames", type=positive_int, default=64, metavar="N", help="candidate views kept a scene")
    add("--voxel-size", type=positive_float, default=0.025, metavar="M", help="edge of a voxel in m")
    add("--max-depth", type=positive_float, default=4.0, metavar="M", help="farther pixels are ignored")
    add(
        "--part-voxels",
        type=positive_int,
        default=500_000,
        metavar="N",
        help="a map that grows to so many voxels is labelled as a scene of its own, which bounds memory",
    )


def run(args: argparse.Namespace) -> int:
    """Label each recording; one that fails is reported and the others go on."""
    from mllm_for3d_ros.cli.label_output import output
    from mllm_for3d_ros.report.rerun_recording import require_rerun
    from mllm_for3d_ros.teachers.catalogue import require_proposer
    from mllm_for3d_ros.teachers.registry import fingerprint_of

    if args.propose:
        require_proposer(args.teacher)
    if args.rerun:
        require_rerun()
    job, options = _job(args), teacher_options(args)
    if args.dry_run:
        from mllm_for3d_ros.labeling.plan import plan_run

        return _say_plan(plan_run(job, str(fingerprint_of(args.teacher, options))), args)
    with open_cache(args) as cache, output(args.quiet, args.json_lines) as shown:
        summary = _label(args, job, options, cache, shown.listener())
    _say(summary, args)
    return summary.exit_status


def _label(
    args: argparse.Namespace, job: LabelJob, options: TeacherOptions, cache: AnswerCache, listener: Listener
) -> RunSummary:
    """Do the job in this process, or on a cluster."""
    from mllm_for3d_ros.teachers.registry import teacher_source

    source = teacher_source(args.teacher, options)
    if args.ray is None:
        from mllm_for3d_ros.labeling.runner import label_recordings

        return label_recordings(job, lambda answered: source.cached(cache, answered), listener)
    from mllm_for3d_ros.labeling.cluster import Cluster, label_on_cluster

    return label_on_cluster(job, Cluster(args.ray, source, cache.folder, options.device != "cpu"), listener)


def asked_by(args: argparse.Namespace) -> tuple[Asked, ...]:
    """The instructions that are given.

    Raises:
        InstructionError: there are none, and none are to be proposed; or a file cannot be read.
    """
    from mllm_for3d_ros.labeling.settings import Asked
    from mllm_for3d_ros.language.instruction import clean_instruction
    from mllm_for3d_ros.language.instruction_file import collect_with_kinds

    found: dict[str, str | None] = collect_with_kinds(args.instructions) if args.instructions else {}
    if args.vocabulary is not None:
        for name in _class_names(args.vocabulary):
            found.setdefault(clean_instruction(f"the {name}"), VOCABULARY_KIND)
    if not found and not args.propose:
        raise InstructionError("no instructions: give --instructions, --vocabulary, or --propose with an MLLM")
    return tuple(Asked(text, kind) for text, kind in found.items())


def _class_names(file: str) -> list[str]:
    if not file:
        from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES

        return [name.replace("_", " ") for name in CLASS_NAMES]
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as cause:
        raise InstructionError(
            f"vocabulary {file} cannot be read ({cause}); give a text file, a name a line"
        ) from cause
    names = [" ".join(line.replace("_", " ").split()) for line in lines if line.strip() and line.strip()[0] != "#"]
    if not names:
        raise InstructionError(f"vocabulary {file} holds no names; write one a line")
    return list(dict.fromkeys(names))


def _job(args: argparse.Namespace) -> LabelJob:
    from mllm_for3d_ros.labeling.settings import LabelJob, LabelSettings
    from mllm_for3d_ros.lifting.settings import LiftSettings
    from mllm_for3d_ros.recording.find import find_recordings

    topics = {name: getattr(args, name) for name in TOPICS if getattr(args, name)}
    if args.max_interval:
        topics["max_interval_s"] = args.max_interval
    settings = LabelSettings(
        args.voxel_size, args.max_depth, args.key_frames, args.part_voxels, LiftSettings(views=args.views), topics
    )
    paths = tuple(find_recordings(args.recordings))
    return LabelJob(
        paths, asked_by(args), args.out, settings, args.propose, args.overwrite, not args.no_report, args.rerun
    )


def _say_plan(plan: Plan, args: argparse.Namespace) -> int:
    """Print what would be done; problems count as failures."""
    from mllm_for3d_ros.labeling.summary import ALL_FAILED, OK, SOME_FAILED

    problems = [one for one in plan.recordings if one.problem]
    if args.json_lines:
        print(json.dumps({"event": "plan", **asdict(plan), "frames": plan.frames, "most_calls": plan.most_calls}))
    elif not args.quiet:
        rows = [
            [Path(one.path).name, f"{one.frames:,}", str(one.labels), f"{one.most_calls:,}", one.store]
            for one in plan.recordings
            if not one.problem
        ]
        print(table(["recording", "frames", "labels", "teacher calls", "store"], rows))
        spent = "unknown for this teacher" if plan.teacher_seconds is None else f"{plan.teacher_seconds:.0f} s"
        print(
            f"about {plan.seconds:.0f} s beside the teacher; at most {plan.most_calls:,} teacher calls a scene, "
            f"fewer where answers are cached or settle early; teacher's time: {spent}"
        )
    for one in problems:
        print(f"mllm-for3d: error: {one.path}: {one.problem}", file=sys.stderr)
    if not problems:
        return OK
    return SOME_FAILED if len(problems) < len(plan.recordings) else ALL_FAILED


def _say(summary: RunSummary, args: argparse.Namespace) -> None:
    if args.json_lines:
        print(json.dumps({"event": "result", **summary.as_json()}, ensure_ascii=False), flush=True)
        return
    if args.quiet:
        return
    rows = [
        [Path(s.source).name, str(len(s.stores)), f"{s.frames:,}", f"{s.voxels:,}", str(s.written), str(s.kept),
         f"{sum(s.seconds.values()):.1f}"]
        for s in summary.scenes
    ]  # fmt: skip
    if rows:
        print(table(["recording", "scenes", "frames", "voxels", "labelled", "kept", "seconds"], rows))
    own = "" if summary.ms_per_frame is None else f", {summary.ms_per_frame:.1f} ms a frame beside the teacher"
    print(f"{summary.teacher_calls} teacher calls, {summary.cache_hits} answers from the cache{own}")
    print(f"labels in {args.out}" + (f", report in {summary.report}" if summary.report else ""))
