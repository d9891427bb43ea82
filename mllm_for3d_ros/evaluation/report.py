"""Figures of a run of the Rooms benchmark: of each system, over all instructions and by kind, with intervals.

Instructions on one room are not independent of one another, so intervals are percentile bootstraps over
rooms (95 %; none where there is one room only). ``recall`` is the share of present targets that are said to be
there, ``specificity`` that of absent ones that are said not to be; ``ece`` is the expected calibration error of
presence. The other figures are those of ``metrics``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mllm_for3d_ros.evaluation.metrics import expected_calibration_error, summarise
from mllm_for3d_ros.evaluation.rooms_benchmark import RoomResult
from mllm_for3d_ros.evaluation.scoring import Row
from mllm_for3d_ros.rooms.instructions import KINDS

OVERALL = "overall"
DRAWS = 2000

Interval = tuple[float, float]


def rows_of(results: Sequence[RoomResult]) -> dict[str, list[Row]]:
    """All rows by system, in the order of the systems."""
    rows: dict[str, list[Row]] = {}
    for result in results:
        for row in result.rows:
            rows.setdefault(row.system, []).append(row)
    return rows


def by_kind(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Figures of one system over all instructions, and of each kind that was asked."""
    groups = {OVERALL: list(rows)}
    groups |= {kind: [row for row in rows if row.instruction.kind == kind] for kind in KINDS}
    return {name: figures(group) for name, group in groups.items() if group or name == OVERALL}


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Figures of rows of one system, for JSON: None where no instruction tells."""
    summary = summarise([draw.scored for row in rows for draw in row.draws]).as_dict()
    present, absent = [row for row in rows if row.present], [row for row in rows if not row.present]
    missed = summary["false_no_target"]
    stated = np.array([draw.presence for row in rows for draw in row.draws])
    happened = np.array([row.present for row in rows for _ in row.draws])
    return {
        "n": len(rows),
        "present": len(present),
        "absent": len(absent),
        "miou": summary["miou"],
        "miou_interval": _rounded(room_interval(present, _iou)),
        "acc25": summary["acc@0.25"],
        "acc50": summary["acc@0.5"],
        "ciou": summary["ciou"],
        "giou": summary["giou"],
        "recall": None if missed is None else round(1.0 - float(missed), 4),  # type: ignore[arg-type]
        "recall_interval": _rounded(room_interval(present, lambda row: row.answered)),
        "specificity": summary["specificity"],
        "specificity_interval": _rounded(room_interval(absent, _iou)),
        "ece": round(expected_calibration_error(stated, happened), 4) if len(rows) else None,
    }


def costs(rows: Sequence[Row], rooms: int) -> dict[str, float]:
    """What the answers of one system cost: views a teacher was asked about a room, and seconds beside it."""
    calls = sum(float(np.mean([draw.calls for draw in row.draws])) for row in rows)
    seconds = [draw.seconds for row in rows for draw in row.draws]
    return {
        "teacher_calls_per_scene": round(calls / max(rooms, 1), 1),
        "teacher_calls_per_instruction": round(calls / max(len(rows), 1), 2),
        "seconds_per_instruction": round(float(np.mean(seconds)), 4) if seconds else 0.0,
    }


def room_interval(rows: Sequence[Row], value: Callable[[Row], float]) -> Interval | None:
    """95 % interval of the mean of ``value`` over rows, by drawing rooms with replacement; None for one room."""
    sums, counts = _per_room([rows], value)
    if sums.shape[1] < 2:
        return None
    drawn = _drawn_rooms(sums.shape[1])
    return _quantiles(sums[0][drawn].sum(axis=1) / counts[0][drawn].sum(axis=1))


def compare(rows: Sequence[Row], baseline: Sequence[Row]) -> dict[str, Any]:
    """The mIoU of ``rows`` over that of ``baseline`` on the same instructions, and what is left of its error."""
    sums, counts = _per_room([_present(rows), _present(baseline)], _iou)
    if not counts.sum(axis=1).all():
        return {"miou_ratio": None, "miou_ratio_interval": None, "error_ratio": None}
    own, other = sums.sum(axis=1) / counts.sum(axis=1)
    interval = None
    if sums.shape[1] > 1:
        drawn = _drawn_rooms(sums.shape[1])
        means = sums[:, drawn].sum(axis=2) / counts[:, drawn].sum(axis=2)
        interval = _quantiles(means[0] / np.maximum(means[1], 1e-9))
    return {
        "miou_ratio": round(float(own / max(other, 1e-9)), 4),
        "miou_ratio_interval": _rounded(interval),
        "error_ratio": round(float((1 - own) / max(1 - other, 1e-9)), 4),
    }


def summary(results: Sequence[RoomResult]) -> dict[str, Any]:
    """The JSON object of a run: a key a system, then what the run was made of.

    Keys of a system: ``overall`` and each kind, with the figures of ``figures``. ``cost``: of each system.
    ``lifted_over_projection``: see ``compare``. ``models``: fingerprint of what answers, by system.
    """
    rows = rows_of(results)
    content: dict[str, Any] = {system: by_kind(own) for system, own in rows.items()}
    content["cost"] = {system: costs(own, len(results)) for system, own in rows.items()}
    if {"lifted", "projection"} <= set(rows):
        content["lifted_over_projection"] = compare(rows["lifted"], rows["projection"])
    content["models"] = dict(results[0].models) if results else {}
    content["seeds"] = [result.seed for result in results]
    content["voxels_per_scene"] = round(float(np.mean([result.voxels for result in results])))
    content["seconds_per_scene"] = round(float(np.mean([sum(result.seconds.values()) for result in results])), 2)
    stages = results[0].seconds if results else {}
    content["seconds_by_stage"] = {k: round(float(np.mean([one.seconds[k] for one in results])), 2) for k in stages}
    return content


def classes(rows: Sequence[Row]) -> dict[str, float]:
    """Mean IoU of each class that was asked for and there, the worst first."""
    ious: dict[str, list[float]] = {}
    for row in _present(rows):
        ious.setdefault(row.instruction.class_name or "", []).append(row.iou)
    means = {name: round(float(np.mean(values)), 4) for name, values in ious.items() if name}
    return dict(sorted(means.items(), key=lambda item: item[1]))


def _present(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.present]


def _iou(row: Row) -> float:
    return row.iou


def _per_room(groups: Sequence[Sequence[Row]], value: Callable[[Row], float]) -> tuple[np.ndarray, np.ndarray]:
    """Sums of ``value`` and numbers of rows, each [groups, rooms], over the rooms of any group."""
    rooms = sorted({row.seed for rows in groups for row in rows})
    place = {seed: k for k, seed in enumerate(rooms)}
    sums, counts = np.zeros((len(groups), len(rooms))), np.zeros((len(groups), len(rooms)))
    for own_sums, own_counts, rows in zip(sums, counts, groups, strict=True):
        for row in rows:
            own_sums[place[row.seed]] += value(row)
            own_counts[place[row.seed]] += 1
    return sums, counts


def _drawn_rooms(rooms: int) -> np.ndarray:
    """[DRAWS, rooms] indices, the same each time."""
    return np.random.default_rng(0).integers(rooms, size=(DRAWS, rooms))


def _quantiles(values: np.ndarray) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _rounded(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [round(bound, 4) for bound in interval]
