"""Pictures of instructions that lifting answers well and badly, beside the truth and the paper's baseline."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mllm_for3d_ros.evaluation.mapped_room import MappedRoom, map_room
from mllm_for3d_ros.evaluation.pictures import render_grid, render_map
from mllm_for3d_ros.evaluation.rooms_benchmark import Plan, RoomMeter, RoomResult
from mllm_for3d_ros.evaluation.scoring import Row, score
from mllm_for3d_ros.evaluation.systems import Reply

_TILE = 420  # pixels


@dataclass(frozen=True)
class Case:
    """One picture: its file, and a sentence on what it shows."""

    path: Path
    title: str


def choose_cases(results: Sequence[RoomResult], system: str, baseline: str, count: int) -> list[tuple[str, Row]]:
    """Up to ``count`` rows of ``system``, each with "good" or "bad".

    Good are those with a target, the further above ``baseline`` in IoU the better; bad ones have the least
    IoU. Kinds of instruction take turns, and no room comes twice.
    """
    rows = [row for result in results for row in result.rows if row.present]
    other = {(row.seed, row.instruction.text): row.iou for row in rows if row.system == baseline}
    own = [row for row in rows if row.system == system]
    gain = sorted(own, key=lambda row: other[row.seed, row.instruction.text] - row.iou)
    poor = sorted(own, key=lambda row: (row.iou, -row.answered))
    good = _spread(gain, (count + 1) // 2, set())
    bad = _spread(poor, count // 2, {row.seed for row in good})
    return [("good", row) for row in good] + [("bad", row) for row in bad]


def _spread(rows: Sequence[Row], count: int, used: set[int]) -> list[Row]:
    """The first rows of other rooms than ``used``; a kind comes again when all others have had their turn."""
    chosen: list[Row] = []
    kinds = {row.instruction.kind for row in rows}
    while len(chosen) < count:
        had = [row.instruction.kind for row in chosen]
        least = min((had.count(kind) for kind in kinds), default=0)
        free = [row for row in rows if row.seed not in used]
        turn = [row for row in free if had.count(row.instruction.kind) == least] or free
        if not turn:
            break
        chosen.append(turn[0])
        used.add(turn[0].seed)
    return chosen


def draw_cases(
    plan: Plan, results: Sequence[RoomResult], system: str, baseline: str, folder: Path, count: int
) -> list[Case]:
    """Draw good and bad cases of ``system`` as ``rooms_good_1.jpg`` and so on; see ``choose_cases``.

    Args:
        plan: that the results were measured with.
        results: of all rooms.
        system: whose answers are judged.
        baseline: what they are shown beside, the first of its draws.
        folder: for the pictures.
        count: at most so many.
    """
    chosen = choose_cases(results, system, baseline, count)
    needed = (system, baseline)
    liftings = [
        replace(one, recipes=tuple(recipe for recipe in one.recipes if one.prefix + recipe.name in needed))
        for one in plan.liftings
    ]
    kept = tuple(one for one in liftings if one.recipes)
    meter = RoomMeter(replace(plan, liftings=kept, student=False))
    numbers = {"good": 0, "bad": 0}
    cases = []
    for quality, row in chosen:
        numbers[quality] += 1
        path = folder / f"rooms_{quality}_{numbers[quality]}.jpg"
        room = map_room(row.seed, plan.questions.frames)
        cases.append(_draw(meter, room, row, needed, path, quality))
    return cases


def _draw(meter: RoomMeter, room: MappedRoom, row: Row, systems: tuple[str, str], path: Path, quality: str) -> Case:
    """Truth, baseline and answer side by side."""
    asked, text = meter.plan.questions.of(room), row.instruction.text
    panels = [("truth", np.isin(room.instance_id, row.instruction.instances))]
    ious: dict[str, float] = {}
    replies: dict[str, Sequence[Reply]] = {}
    for group in meter.groups:
        replies.update(group.open(room, asked)(row.instruction))
    for name in reversed(systems):
        reply = replies[name][0]
        ious[name] = score(room, name, row.instruction, [reply]).iou
        panels.append((f"{name}: IoU {ious[name]:.2f}", reply.mask if reply.found else np.zeros_like(reply.mask)))
    with tempfile.TemporaryDirectory() as scratch:
        tiles = []
        for number, (title, mask) in enumerate(panels):
            tiles.append(Path(scratch) / f"{number}.png")
            render_map(room.cloud, tiles[-1], mask, title, note=text)
        render_grid(tiles, path, columns=len(tiles), width=_TILE, title=f'"{text}" (room {row.seed})')
    system, baseline = systems
    verdict = f"{system} {ious[system]:.2f}, {baseline} {ious[baseline]:.2f}"
    return Case(path, f'{quality.capitalize()}: "{text}" ({row.instruction.kind}, room {row.seed}); IoU {verdict}')
