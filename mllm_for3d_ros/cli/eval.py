"""``mllm-for3d eval``: measure a checkpoint on held-out rooms and phrasings."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mllm_for3d_ros.cli.arguments import positive_int, seeds, table
from mllm_for3d_ros.cli.eval_datasets import add_suites

if TYPE_CHECKING:
    from mllm_for3d_ros.evaluation.rooms_benchmark import Report
    from mllm_for3d_ros.rooms.instructions import Phrase, Split

HELP = """Measure a checkpoint.

rooms  asks held-out phrasings on held-out synthetic rooms: mean IoU, Acc@0.25, Acc@0.5, how often a
       present target is missed (false "no target") and an absent one refused (specificity)
text   the text head alone on the validation phrases: which class does a sentence ask for?
reason3d, instruct3d, intent3d
       predictions against a public benchmark whose files you have (docs/datasets.md)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    suites = parser.add_subparsers(dest="suite", required=True, metavar="{rooms,text,reason3d,instruct3d,intent3d}")
    rooms = suites.add_parser("rooms", help="the Rooms benchmark")
    rooms.add_argument("--seeds", type=seeds, default="10000:10005", help="10003, 10000,10003 or 10000:10005")
    rooms.add_argument("--frames", type=positive_int, default=60, metavar="N", help="length of each tour")
    rooms.add_argument("--split", default="validation", choices=("validation", "train"), help="bank of phrases")
    rooms.add_argument("--phrases", type=Path, metavar="FILE", help="your own phrases (docs/phrases.md)")
    rooms.add_argument("--per-class", type=int, default=1, metavar="N", help="phrases of each kind for a class; 0: all")
    rooms.add_argument("--absent", type=int, default=3, metavar="N", help="absent targets of each kind; 0: all")
    rooms.add_argument("--checkpoint", type=Path, metavar="FILE", help="student in place of the shipped one")
    rooms.add_argument("--device", default="auto", help="auto, cuda or cpu")
    rooms.add_argument("--json", type=Path, metavar="FILE", help="write all rows and figures there")
    rooms.add_argument("--lifted", action="store_true", help="also measure the teacher's lifted answers")
    rooms.set_defaults(measure=_rooms)
    text = suites.add_parser("text", help="the text head alone")
    text.add_argument("--checkpoint", type=Path, metavar="FILE", help="teacher in place of the shipped one")
    text.set_defaults(measure=_text)
    add_suites(suites)


def run(args: argparse.Namespace) -> int:
    """Measure what was asked for."""
    return int(args.measure(args))


def _rooms(args: argparse.Namespace) -> int:
    """Run the Rooms benchmark on the student."""
    from tqdm import tqdm

    from mllm_for3d_ros.answering.loading import load_answerer
    from mllm_for3d_ros.evaluation.rooms_benchmark import LiftedSystem, StudentSystem, System, map_room, run_benchmark
    from mllm_for3d_ros.teachers.compact.teacher import CompactTeacher

    source = _source(args)
    answerer, note = load_answerer(args.checkpoint, args.device)
    if note:
        print(f"note: {note}", file=sys.stderr)
    bar = tqdm(args.seeds, desc="rooms", unit="room", disable=None, leave=False)
    rooms = (map_room(seed, args.frames) for seed in bar)
    systems: list[System] = [StudentSystem(answerer)]
    if args.lifted:
        systems.append(LiftedSystem(CompactTeacher.load()))
    reports = run_benchmark(systems, rooms, source, per_class=args.per_class, absent=args.absent)
    for report in reports:
        print(describe(report))
    if args.json:
        content = {
            "benchmark": "rooms",
            "phrases": str(args.phrases or args.split),
            "model": answerer.fingerprint,
            "frames": args.frames,
            "reports": [report.as_dict() for report in reports],
        }
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _text(args: argparse.Namespace) -> int:
    """Measure the shipped text head on the validation phrases."""
    from mllm_for3d_ros.evaluation.text_benchmark import measure_text

    for name, value in measure_text(args.checkpoint).items():
        print(f"{name:18s} {value:.3f}")
    return 0


def _source(args: argparse.Namespace) -> Split | tuple[Phrase, ...]:
    """The split or the phrases to ask; says how many of a foreign file cannot be judged."""
    from mllm_for3d_ros.rooms.choice import CONTEXT_KINDS, stated_rule
    from mllm_for3d_ros.rooms.instructions import load_phrases

    if args.phrases is None:
        split: Split = args.split
        return split
    phrases = load_phrases(args.phrases)
    unjudged = sum(phrase.kind in CONTEXT_KINDS and stated_rule(phrase) is None for phrase in phrases)
    if unjudged:
        kinds = " or ".join(CONTEXT_KINDS)
        print(f"note: {unjudged} {kinds} phrases without a plain rule are left out (docs/phrases.md)", file=sys.stderr)
    return phrases


def describe(report: Report) -> str:
    """The figures of one system as a table."""
    rows = [[kind, *_cells(figures)] for kind, figures in report.groups().items()]
    header = ["kind", "present", "mIoU", "95 %", "Acc@0.25", "Acc@0.5", "missed", "absent", "specificity"]
    summary = report.as_dict()
    worst = sorted(report.classes().items(), key=lambda item: item[1])
    return "\n".join(
        [
            f"{report.system} on {len(summary['seeds'])} rooms, {len(report.rows)} instructions",
            table(header, rows),
            f"latency p50 {summary['latency_ms_p50']} ms an instruction, {summary['encode_ms_p50']} ms to encode a map",
            "by class: " + ", ".join(f"{name} {iou:.2f}" for name, iou in worst),
        ]
    )


def _cells(figures: dict[str, Any]) -> list[str]:
    interval = figures["miou_interval"]
    shown = f"{interval[0]:.3f}-{interval[1]:.3f}" if interval else "-"
    percent = {key: _percent(figures[key]) for key in ("acc@0.25", "acc@0.5", "false_no_target", "specificity")}
    miou = "-" if figures["miou"] is None else f"{figures['miou']:.3f}"
    return [
        str(figures["present"]), miou, shown, percent["acc@0.25"], percent["acc@0.5"], percent["false_no_target"],
        str(figures["absent"]), percent["specificity"],
    ]  # fmt: skip


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
