"""Figures are means over draws and rows, intervals come from rooms, and nothing is told where nothing was asked."""

import numpy as np
import pytest

from mllm_for3d_ros.evaluation.metrics import Overlap, Scored
from mllm_for3d_ros.evaluation.report import by_kind, classes, compare, costs, figures, room_interval
from mllm_for3d_ros.evaluation.scoring import Draw, Row
from mllm_for3d_ros.rooms.instructions import RoomInstruction
from mllm_for3d_ros.types import Status


def row(seed: int, ious: list[float], present: bool = True, kind: str = "explicit", name: str = "chair") -> Row:
    """Draws of an IoU each in percent steps; an absent target is answered where the number is above 0."""
    status = Status.OK if present else Status.NO_TARGET
    scored = [Scored(present, iou > 0, Overlap(round(100 * iou) if present else 0, 100)) for iou in ious]
    draws = tuple(Draw(one, 0.9 if one.answered else 0.1, 4, 0.01) for one in scored)
    return Row("s", seed, RoomInstruction(f"{seed} {ious}", name, status, kind), draws)


def test_figures_average_over_the_draws() -> None:
    found = figures([row(1, [0.6, 0.2]), row(1, [0.0, 0.4]), row(1, [0.0, 0.5], present=False)])
    assert (found["n"], found["present"], found["absent"]) == (3, 2, 1)
    assert found["miou"] == pytest.approx(0.3) and found["acc25"] == 0.5 and found["acc50"] == 0.25
    assert found["recall"] == 0.75 and found["specificity"] == 0.5
    assert found["miou_interval"] is None, "one room tells nothing of other rooms"
    assert found["ece"] == pytest.approx((3 * 0.1 + 0.8 + 0.1) / 6, abs=0.25)


def test_kinds_are_scored_apart() -> None:
    kinds = by_kind([row(1, [0.8]), row(1, [0.4], kind="relational"), row(2, [0.0], False, "absent")])
    assert list(kinds) == ["overall", "explicit", "relational", "absent"]
    assert kinds["explicit"]["miou"] == 0.8 and kinds["relational"]["miou"] == 0.4
    assert kinds["absent"]["miou"] is None and kinds["absent"]["specificity"] == 1 and kinds["absent"]["recall"] is None


def test_intervals_are_those_of_rooms_not_of_instructions() -> None:
    rng = np.random.default_rng(0)
    alike = [row(seed, [iou]) for seed, iou in enumerate(rng.uniform(0.2, 0.8, 10)) for _ in range(20)]
    apart = [row(k % 10, [one.iou]) for k, one in enumerate(alike)]
    clustered, spread = (room_interval(rows, lambda one: one.iou) for rows in (alike, apart))
    assert clustered is not None and spread is not None
    assert clustered[1] - clustered[0] > 2 * (spread[1] - spread[0])


def test_systems_are_compared_room_by_room() -> None:
    base = [row(seed, [0.1 + 0.05 * seed]) for seed in range(8)]
    better = [row(seed, [2 * (0.1 + 0.05 * seed)]) for seed in range(8)]
    found = compare(better, base)
    assert found["miou_ratio"] == pytest.approx(2.0) and found["miou_ratio_interval"] == [2.0, 2.0]
    assert found["error_ratio"] == pytest.approx((1 - 0.55) / (1 - 0.275), abs=1e-4)
    assert compare([], [])["miou_ratio"] is None


def test_costs_and_classes() -> None:
    rows = [row(1, [0.5, 0.7]), row(2, [0.1, 0.1], name="bed"), row(2, [0.0, 0.0], False, name="cup")]
    cost = costs(rows, rooms=2)
    assert cost["teacher_calls_per_scene"] == 6 and cost["teacher_calls_per_instruction"] == 4
    assert cost["seconds_per_instruction"] == pytest.approx(0.01)
    assert list(classes(rows).items()) == [("bed", 0.1), ("chair", 0.6)], "the worst first, no absent ones"


def test_nothing_asked_is_nothing_told() -> None:
    found = figures([])
    assert found["n"] == 0 and found["miou"] is None and found["ece"] is None and found["recall"] is None
