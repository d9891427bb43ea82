"""``mllm-for3d teachers``: which 2D models can teach, what each needs, and whether it can run here."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mllm_for3d_ros.cli.arguments import table
from mllm_for3d_ros.cli.teacher_arguments import add_model_arguments, teacher_options

if TYPE_CHECKING:
    from mllm_for3d_ros.teachers.catalogue import TeacherName
    from mllm_for3d_ros.teachers.readiness import Readiness

HELP = """List the 2D teachers: what each needs, whether it can run on this machine, and what to type if not.

Nothing is loaded or downloaded. Give names, with weights of your own, to look at those only."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("names", nargs="*", metavar="NAME[:MODEL]", help="teachers to look at; default: all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_model_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the table and what to do."""
    from mllm_for3d_ros.teachers.catalogue import TEACHERS, parse_name
    from mllm_for3d_ros.teachers.readiness import check, this_machine

    chosen = [parse_name(name) for name in args.names or [row.name for row in TEACHERS]]
    options, machine = teacher_options(args), this_machine()
    checked = [(name, check(name, options, machine)) for name in chosen]
    print(json.dumps(_json(checked), indent=1) if args.json else _text(checked))
    return 0


def _json(checked: list[tuple[TeacherName, Readiness]]) -> dict[str, Any]:
    """All that is known, for scripts."""
    from mllm_for3d_ros.teachers.catalogue import SEGMENTERS

    teachers = [
        {**asdict(name.row), "model": name.model or name.row.model, "runs_here": not ready.lacks, **asdict(ready)}
        for name, ready in checked
    ]
    return {"teachers": teachers, "segmenters": [asdict(row) for row in SEGMENTERS]}


def _text(checked: list[tuple[TeacherName, Readiness]]) -> str:
    """Tables for a person, then what to type."""
    from mllm_for3d_ros.teachers.catalogue import SEGMENTERS

    rows = [
        [name.row.name, "yes" if not ready.lacks else "no", _weights(name),
         ", ".join(name.row.extras), name.row.licence, _memory(name.row.memory_gb), _tried(name.row.verified)]
        for name, ready in checked
    ]  # fmt: skip
    header = ["teacher", "runs here", "weights", "extras", "licence", "memory", "real weights run by us"]
    sams = [
        [row.name, row.model, ", ".join(row.extras), row.licence, _memory(row.memory_gb), _tried(row.verified)]
        for row in SEGMENTERS
    ]
    parts = [
        table(header, rows, left=len(header)),
        *(f"{name.row.name}: {name.row.summary}" for name, _ in checked),
        "",
        *(_advice(name, ready) for name, ready in checked if ready.lacks or ready.notes),
        table(["SAM for --sam", *header[2:]], sams, left=len(header)),
        "",
        _unverified([name for name, _ in checked]),
        "Memory is reckoned from the number of parameters, for bfloat16 on a GPU.",
    ]
    return "\n".join(parts)


def _advice(name: TeacherName, ready: Readiness) -> str:
    """What a teacher lacks, what to type, what to expect."""
    lines = [f"{name.row.name} {'cannot run here yet' if ready.lacks else 'can run here'}:"]
    for lack in ready.lacks:
        lines += [f"  lacks {lack.what}", *([f"    {lack.command}"] if lack.command else [])]
    return "\n".join([*lines, *(f"  note: {note}" for note in ready.notes), ""])


def _unverified(names: list[TeacherName]) -> str:
    """Which real weights have never been run."""
    never = [name.row.name for name in names if not name.row.verified]
    if not never:
        return "The real weights of all teachers above have been run by us."
    return (
        f"The real weights of {', '.join(never)}, and those of every SAM, have NEVER been run by us: their code is "
        "tested with tiny checkpoints "
        "in the same layout.\nLook at the first answers before you trust them."
    )


def _weights(name: TeacherName) -> str:
    """Which weights are meant."""
    shipped = "shipped" if name.row.name == "compact" else "named by you"
    return name.model or name.row.model or shipped


def _memory(memory_gb: float) -> str:
    return f"{memory_gb:.0f} GB" if memory_gb else "< 1 GB"


def _tried(verified: bool) -> str:
    return "yes" if verified else "no"
