"""``mllm-for3d eval rooms``: systems against one another on held-out rooms and phrasings, and the ablation."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mllm_for3d_ros.cli.arguments import (
    non_negative_float,
    non_negative_int,
    positive_int,
    probabilities,
    save_json,
    seeds,
    table,
)
from mllm_for3d_ros.errors import TeacherError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mllm_for3d_ros.evaluation.rooms_benchmark import Plan, Questions, RoomResult
    from mllm_for3d_ros.evaluation.simulated_teacher import Faults
    from mllm_for3d_ros.rooms.instructions import Phrase, Split

_FAULTS = ("hallucination", "miss", "correlated", "wrong_instance", "ragged")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the suite's arguments."""
    add = parser.add_argument
    add("--seeds", type=seeds, help="10003, 10000,10003 or 10000:10005; default 10000:10005, 10000:10040 for ablations")
    add("--frames", type=positive_int, default=60, metavar="N", help="length of each tour")
    known = "of projection, lifted, student, ceiling (the default), oracle-classes"
    add("--systems", type=_systems, metavar="A,B", help=known)
    add("--ablation", action="store_true", help="measure every step of the lifting, and write --docs")
    add("--workers", type=positive_int, default=1, metavar="N", help="processes; figures do not depend on it")
    add("--keep", type=Path, metavar="FOLDER", help="keep measured rooms there; an interrupted run goes on")
    add("--json", action="store_true", help="print one JSON object in place of tables")
    add("--out", type=Path, metavar="FILE", help="write figures and rows there as JSON")
    _add_questions(parser.add_argument_group("questions"))
    _add_models(parser.add_argument_group("models"))
    ablation = parser.add_argument_group("ablation")
    ablation.add_argument(
        "--docs", type=Path, default=Path("docs/results.md"), metavar="FILE", help="section goes there"
    )
    ablation.add_argument("--pictures", type=non_negative_int, default=6, metavar="N", help="good and bad cases drawn")
    parser.set_defaults(measure=run)


def _add_questions(group: argparse._ActionsContainer) -> None:
    add = group.add_argument
    add("--split", default="validation", choices=("validation", "train"), help="bank of phrases")
    add("--phrases", type=Path, metavar="FILE", help="your own phrases (docs/phrases.md)")
    add("--per-class", type=non_negative_int, default=1, metavar="N", help="phrases of each kind for a class; 0: all")
    add(
        "--per-kind",
        type=non_negative_int,
        default=4,
        metavar="N",
        help="attribute and relational ones, of each; 0: all",
    )
    add("--absent", type=non_negative_int, default=3, metavar="N", help="absent targets of each kind; 0: all")


def _add_models(group: argparse._ActionsContainer) -> None:
    from mllm_for3d_ros.lifting.settings import LiftSettings

    add = group.add_argument
    add("--teacher", default="compact", metavar="NAME[:MODEL]", help="of `mllm-for3d teachers`, or simulated")
    for name in _FAULTS:
        add(
            f"--{name.replace('_', '-')}",
            type=non_negative_float,
            metavar="X",
            help="of the simulated teacher; see docs/results.md",
        )
    add("--views", type=positive_int, default=LiftSettings().views, metavar="N", help="views asked an instruction")
    add(
        "--scout",
        default="auto",
        choices=("auto", "none", "self", "compact"),
        help="who looks first, so that views are chosen; auto: the compact teacher, nobody for the simulated one",
    )
    add("--checkpoint", type=Path, metavar="FILE", help="student in place of the shipped one")
    add(
        "--presence",
        type=probabilities,
        default=(),
        metavar="P,Q",
        help="other thresholds of presence that the student is measured with too",
    )
    add("--device", default="auto", help="auto, cuda or cpu")


def run(args: argparse.Namespace) -> int:
    """Measure what was asked for."""
    return _ablation(args) if args.ablation else _benchmark(args)


def _benchmark(args: argparse.Namespace) -> int:
    """The systems against one another."""
    from mllm_for3d_ros.evaluation import report
    from mllm_for3d_ros.evaluation.rooms_benchmark import ORACLE, SYSTEMS, Lifting, Plan, standard_recipes

    chosen_seeds = args.seeds or seeds("10000:10005")
    systems = args.systems or SYSTEMS
    lifting = Lifting(args.teacher, standard_recipes(systems, args.views), _faults(args), args.scout)
    student = _with_student(args, systems)
    plan = Plan(_questions(args), (lifting,), student, args.checkpoint, args.device, ORACLE in systems, args.presence)
    results = list(_measured(plan, chosen_seeds, args))
    summary = {"benchmark": "rooms", **report.summary(results), **_asked(plan, args)}
    if args.out:
        save_json(args.out, {**summary, "rows": [row.as_dict() for result in results for row in result.rows]})
    print(json.dumps(summary, ensure_ascii=False) if args.json else _tables(results, summary))
    return 0


def _ablation(args: argparse.Namespace) -> int:
    """Every step of the lifting; the section of --docs, and pictures beside it."""
    from mllm_for3d_ros.evaluation import ablation, ablation_pages, case_pictures, report

    chosen_seeds = args.seeds or seeds("10000:10040")
    plan = ablation.plan(_questions(args), args.teacher, _faults(args), args.scout, args.device)
    plan = replace(plan, student=_with_student(args, ("student",)), checkpoint=args.checkpoint)
    results = list(_measured(plan, chosen_seeds, args))
    summary = {"benchmark": "rooms-ablation", **report.summary(results), **_asked(plan, args)}
    sections = ablation.sections(args.teacher, _faults(args))
    summary["comparisons"] = ablation.comparisons(results, sections)
    if args.out:
        save_json(args.out, {**summary, "rows": [row.as_dict() for result in results for row in result.rows]})
    command = f"mllm-for3d eval rooms --ablation --seeds {_span(chosen_seeds)} --workers {args.workers}"
    method, base = (sections[0].prefix + name for name in ablation.COMPARED)
    cases = case_pictures.draw_cases(plan, results, method, base, args.docs.parent / "images", args.pictures)
    ablation_pages.write(args.docs, summary, sections, cases, command)
    print(json.dumps(summary, ensure_ascii=False) if args.json else f"wrote {args.docs} and {len(cases)} pictures")
    return 0


def _measured(plan: Plan, chosen: Sequence[int], args: argparse.Namespace) -> Iterator[RoomResult]:
    """Results room by room, behind a bar on stderr."""
    from tqdm import tqdm

    from mllm_for3d_ros.evaluation.kept_rooms import measure_and_keep
    from mllm_for3d_ros.evaluation.rooms_benchmark import measure_rooms, models_of

    measure = partial(measure_rooms, plan, workers=args.workers)
    results = measure(chosen)
    if args.keep:
        results = measure_and_keep(args.keep, f"{plan}\n{models_of(plan)}\n", chosen, measure)
    return iter(tqdm(results, "rooms", len(chosen), unit="room", disable=None, leave=False))


def _questions(args: argparse.Namespace) -> Questions:
    from mllm_for3d_ros.evaluation.rooms_benchmark import Questions

    return Questions(_source(args), args.per_class, args.per_kind, args.absent, frames=args.frames)


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


def _faults(args: argparse.Namespace) -> Faults:
    """The simulated teacher's faults.

    Raises:
        TeacherError: a rate lies outside of what is possible.
    """
    from mllm_for3d_ros.evaluation.simulated_teacher import Faults

    given = {name: getattr(args, name) for name in _FAULTS if getattr(args, name) is not None}
    try:
        return Faults(**given)
    except ValueError as cause:
        raise TeacherError(f"such a simulated teacher cannot be made: {cause}") from cause


def _with_student(args: argparse.Namespace, systems: Sequence[str]) -> bool:
    """Whether to measure the student: it is asked for, and there; says so where it runs elsewhere than asked."""
    from mllm_for3d_ros.assets import models_dir
    from mllm_for3d_ros.device import choose_device
    from mllm_for3d_ros.student.prediction import CHECKPOINT

    if "student" not in systems:
        return False
    if args.systems is None and args.checkpoint is None and not (models_dir() / CHECKPOINT).is_file():
        print("note: there is no student checkpoint, so the student is left out", file=sys.stderr)
        return False
    note = choose_device(args.device).note
    if note:
        print(f"note: {note}", file=sys.stderr)
    return True


def _asked(plan: Plan, args: argparse.Namespace) -> dict[str, Any]:
    """What was asked, for JSON."""
    from dataclasses import asdict

    from mllm_for3d_ros.evaluation.rooms_benchmark import SIMULATED

    content: dict[str, Any] = {
        "phrases": args.phrases.name if args.phrases else args.split,
        "frames": args.frames,
        "per_class": args.per_class,
        "per_kind": args.per_kind,
        "absent_per_kind": args.absent,
        "scout": args.scout,
        "views": {
            lifting.prefix + recipe.name: recipe.settings.views
            for lifting in plan.liftings
            for recipe in lifting.recipes
        },
    }
    faults = {
        lifting.prefix + recipe.name: asdict(lifting.faults)
        for lifting in plan.liftings
        if lifting.teacher == SIMULATED
        for recipe in lifting.recipes
    }
    return {**content, "faults": faults} if faults else content


def _tables(results: Sequence[RoomResult], summary: dict[str, Any]) -> str:
    """The figures of every system, for a terminal."""
    from mllm_for3d_ros.evaluation import report

    rows = report.rows_of(results)
    parts = []
    for system, own in rows.items():
        lines = [[kind, *_cells(figures)] for kind, figures in summary[system].items()]
        cost = summary["cost"][system]
        parts += [
            f"{system} ({summary['models'][system]})",
            table(["kind", "present", "mIoU", "95 %", "Acc@0.25", "Acc@0.5", "recall", "absent", "specificity"], lines),
            f"{cost['teacher_calls_per_scene']:g} teacher calls a scene, "
            f"{1000 * cost['seconds_per_instruction']:.0f} ms an instruction beside them; "
            f"calibration error of presence {summary[system]['overall']['ece']:.3f}",
            "by class: " + ", ".join(f"{name} {iou:.2f}" for name, iou in report.classes(own).items()),
            "",
        ]
    if "lifted_over_projection" in summary:
        ratio = summary["lifted_over_projection"]
        parts.append(f"lifted / projection: {_number(ratio['miou_ratio'])} in mIoU, "
                     f"{_number(ratio['error_ratio'])} of its error is left")  # fmt: skip
    parts.append(f"{len(summary['seeds'])} rooms, {summary['seconds_per_scene']:g} s each")
    return "\n".join(parts)


def _cells(figures: dict[str, Any]) -> list[str]:
    interval = figures["miou_interval"]
    shown = f"{interval[0]:.3f}-{interval[1]:.3f}" if interval else "-"
    percent = {key: _percent(figures[key]) for key in ("acc25", "acc50", "recall", "specificity")}
    return [
        str(figures["present"]), _number(figures["miou"]), shown, percent["acc25"], percent["acc50"],
        percent["recall"], str(figures["absent"]), percent["specificity"],
    ]  # fmt: skip


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _span(chosen: Sequence[int]) -> str:
    """Seeds as they are given to --seeds."""
    whole = list(chosen) == list(range(chosen[0], chosen[-1] + 1))
    return f"{chosen[0]}:{chosen[-1] + 1}" if whole else ",".join(map(str, chosen))


def _systems(text: str) -> tuple[str, ...]:
    """Systems by name, each once."""
    from mllm_for3d_ros.evaluation.rooms_benchmark import ORACLE, SYSTEMS

    chosen = tuple(dict.fromkeys(text.split(",")))
    known = (*SYSTEMS, ORACLE)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown system {unknown[0]!r}: choose from {', '.join(known)}")
    return chosen
