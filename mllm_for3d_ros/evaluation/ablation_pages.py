"""The ablation as a section of a Markdown file: tables, bars, and how they were measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mllm_for3d_ros.evaluation.ablation import (
    COMPARED,
    METHOD_VIEWS,
    STEP_VIEWS,
    STEPS,
    VIEWS,
    Section,
    fault_sections,
    name_of,
)
from mllm_for3d_ros.evaluation.case_pictures import Case
from mllm_for3d_ros.evaluation.lifting_systems import BASELINE_DRAWS, BASELINE_VIEWS
from mllm_for3d_ros.evaluation.machine import machine
from mllm_for3d_ros.files import write_whole
from mllm_for3d_ros.rooms.instructions import KINDS

BEGIN, END = "<!-- begin: eval rooms --ablation -->", "<!-- end: eval rooms --ablation -->"
_TITLES = {
    "projection": "projection only: views at random, plain mean",
    "view_choice": "+ view choice",
    "token_attention": "+ token attention",
    "superpoints": "+ superpoints",
    "lifted": "+ consistency: the whole method",
    "ceiling": "ceiling: the whole method with perfect masks",
}
_COLUMNS = ("mIoU", "95 %", "Acc@0.25", "Acc@0.5", "recall", "specificity", "teacher calls a scene")


def write(
    path: Path, summary: dict[str, Any], sections: Sequence[Section], cases: Sequence[Case], command: str
) -> None:
    """Put the pages into ``path``, in place of earlier ones, and keep the rest of the file.

    Args:
        path: Markdown file, made if it is missing.
        summary: JSON object of the run, with ``comparisons``.
        sections: teachers with which all steps were measured.
        cases: pictures to show; their files lie below the folder of ``path``.
        command: that measured it.
    """
    before, _, rest = (path.read_text(encoding="utf-8") if path.is_file() else "# Results\n").partition(BEGIN)
    after = rest.partition(END)[2] or "\n"
    content = before.rstrip() + "\n\n" + pages(summary, sections, cases, path.parent, command) + after
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content.encode())


def pages(
    summary: dict[str, Any], sections: Sequence[Section], cases: Sequence[Case], folder: Path, command: str
) -> str:
    """The pages, from the first marker to the last; links are relative to ``folder``."""
    parts = [BEGIN, "## What every step of the lifting is worth", _how(summary, sections[0], command)]
    for one in sections:
        model = summary["models"][one.prefix + COMPARED[0]]
        parts += [f"### {one.title}", f"`{model}`", *_step_tables(one.prefix, summary)]
    alone = summary.get(fault_sections()[0].prefix + COMPARED[0])
    if alone is not None:
        parts += [
            "### Fault by fault",
            f"Simulated teachers with one kind of fault, and with all, on {alone['overall']['n']} instructions:",
            _fault_table(summary),
        ]
    parts += ["### By kind of instruction", _kinds(summary, sections)]
    if cases:
        parts += ["### Cases", *(_picture(case, folder) for case in cases)]
    return "\n\n".join([*parts, END])


def _how(summary: dict[str, Any], first: Section, command: str) -> str:
    facts, asked = machine(), summary[first.prefix + COMPARED[0]]["overall"]
    return (
        f"Measured with `{command}` on {facts['cores']} cores of {facts['processor']}, Python {facts['python']}: "
        f"{len(summary['seeds'])} rooms (seeds {summary['seeds'][0]} to {summary['seeds'][-1]}, {summary['frames']} "
        f"frames each, {summary['voxels_per_scene']:,} voxels on average), {asked['n']} instructions "
        f"({asked['present']} with a target, {asked['absent']} without), phrases: {summary['phrases']}; "
        f"{summary['seconds_per_scene']:.0f} s a room for all systems together. Nothing was tuned on these rooms.\n\n"
        'mIoU, Acc@0.25 and Acc@0.5 are over the instructions that have a target, a wrong "not here" counting 0, and '
        "over the voxels that the recording saw. Recall: share of present targets that are said to be there. "
        "Specificity: share of absent ones that are said not to be. Intervals: bootstrap over rooms. "
        f"Projection only is the mean of {BASELINE_DRAWS} draws of its views. A teacher call is one view asked one "
        "instruction; the ceiling has perfect masks in the views that the method chose."
    )


def _step_tables(prefix: str, summary: dict[str, Any]) -> list[str]:
    tables = []
    for views in STEP_VIEWS:
        names = [(_TITLES[step], prefix + name_of(step, views)) for step in (*STEPS, "ceiling")]
        tables.append(f"Steps, one after the other, with at most {views} views:\n\n" + _table("step", names, summary))
    names = [(f"up to {views} chosen views", prefix + name_of("lifted", views)) for views in (*VIEWS, METHOD_VIEWS)]
    names += [(_TITLES["ceiling"], prefix + name_of("ceiling", METHOD_VIEWS))]
    names += [(f"{METHOD_VIEWS} views, projection only", prefix + name_of("projection", METHOD_VIEWS))]
    tables.append(
        "The whole method with fewer and more views (it stops before the most where an answer is settled):\n\n"
        + _table("views", names, summary)
    )
    compared = summary["comparisons"][prefix]
    over, few = compared["lifted_over_projection"], compared["four_over_sixteen_views"]
    tables.append(
        f"The whole method with up to {METHOD_VIEWS} views has {_ratio(over)} times the mIoU of projection only with "
        f"{BASELINE_VIEWS}, and {_number(over['error_ratio'])} of its error (1 - mIoU). Four chosen views reach "
        f"{_ratio(few)} of the mIoU of sixteen."
    )
    return tables


def _fault_table(summary: dict[str, Any]) -> str:
    names = [
        (f"{one.title}: {title}", one.prefix + name)
        for one in fault_sections()
        for title, name in (("projection only", COMPARED[1]), ("the whole method", COMPARED[0]))
    ]
    return _table("faults", names, summary)


def _table(first: str, names: Sequence[tuple[str, str]], summary: dict[str, Any]) -> str:
    """A row for each (title, system)."""
    lines = [_line(first, *_COLUMNS), _line("---", *["---:"] * len(_COLUMNS))]
    for title, name in names:
        calls = summary["cost"][name]["teacher_calls_per_scene"]
        lines.append(_line(title, *_cells(summary[name]["overall"]), f"{calls:.0f}"))
    return "\n".join(lines)


def _kinds(summary: dict[str, Any], sections: Sequence[Section]) -> str:
    """The mIoU and the specificity of the main systems, by kind."""
    shown = [one.prefix + name for one in sections for name in reversed(COMPARED)]
    shown += [name for name in ("student",) if name in summary]
    lines = [_line("system", *KINDS), _line("---", *["---:"] * len(KINDS))]
    lines += [_line(name, *(_of_kind(summary[name].get(kind)) for kind in KINDS)) for name in shown]
    return "mIoU where there is a target / specificity where there is none.\n\n" + "\n".join(lines)


def _of_kind(figures: dict[str, Any] | None) -> str:
    return "-" if figures is None else f"{_number(figures['miou'])} / {_number(figures['specificity'])}"


def _picture(case: Case, folder: Path) -> str:
    return f"![{case.title}]({case.path.relative_to(folder).as_posix()})\n\n{case.title}"


def _cells(figures: dict[str, Any]) -> tuple[str, ...]:
    interval = figures["miou_interval"]
    shown = f"{interval[0]:.3f}–{interval[1]:.3f}" if interval else "-"
    names = ("acc25", "acc50", "recall", "specificity")
    return (_number(figures["miou"]), shown, *(_number(figures[name]) for name in names))


def _ratio(compared: dict[str, Any]) -> str:
    interval = compared["miou_ratio_interval"]
    shown = f" ({interval[0]:.2f}–{interval[1]:.2f})" if interval else ""
    return f"{_number(compared['miou_ratio'])}{shown}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"
