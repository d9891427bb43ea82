"""The Rooms benchmark asks every system the same fair questions and scores what comes back."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from mllm_for3d_ros.evaluation.mapped_room import MappedRoom
from mllm_for3d_ros.evaluation.report import by_kind, rows_of, summary
from mllm_for3d_ros.evaluation.rooms_benchmark import (
    Lifting,
    Plan,
    Questions,
    RoomMeter,
    groups_of,
    measure_rooms,
    models_of,
    standard_recipes,
)
from mllm_for3d_ros.evaluation.scoring import score
from mllm_for3d_ros.evaluation.systems import Replies, Reply
from mllm_for3d_ros.rooms.instructions import KINDS, RoomInstruction
from mllm_for3d_ros.types import Status

Spoil = Callable[[np.ndarray], np.ndarray]


class Oracles:
    """Know the truth; each answers as its function makes of it."""

    fingerprint = "oracles"

    def __init__(self, **spoil: Spoil) -> None:
        self.names = tuple(spoil)
        self._spoil = spoil

    def open(self, room: MappedRoom, asked: Sequence[RoomInstruction]) -> Callable[[RoomInstruction], Replies]:
        def answer(instruction: RoomInstruction) -> Replies:
            truth = np.isin(room.instance_id, instruction.instances)
            masks = {name: spoil(truth) for name, spoil in self._spoil.items()}
            return {name: [Reply(bool(mask.any()), mask, float(mask.any()))] for name, mask in masks.items()}

        return answer


def test_oracles_get_what_they_deserve(room: MappedRoom) -> None:
    oracles = Oracles(truth=lambda mask: mask, nothing=np.zeros_like, everything=np.ones_like)
    rows = rows_of([RoomMeter(Plan(), [oracles]).ask(room)])
    assert list(rows) == ["truth", "nothing", "everything"]
    assert [row.instruction for row in rows["truth"]] == [row.instruction for row in rows["everything"]]
    right, silent, loud = (by_kind(rows[name]) for name in rows)
    assert set(right) == {"overall", *(row.instruction.kind for row in rows["truth"])} <= {"overall", *KINDS}
    assert right["overall"]["miou"] > 0.98 and right["overall"]["acc50"] == 1
    assert right["overall"]["specificity"] == right["overall"]["recall"] == 1 and right["overall"]["ece"] == 0
    assert silent["overall"]["miou"] == silent["overall"]["recall"] == 0 and silent["overall"]["specificity"] == 1
    assert 0 < loud["overall"]["miou"] < 0.3 and loud["overall"]["specificity"] == 0
    assert right["overall"]["n"] == len(rows["truth"])


def test_only_voxels_that_the_recording_saw_count(room: MappedRoom) -> None:
    instance = int(np.bincount(room.instance_id[room.instance_id > 0]).argmax())
    asked = RoomInstruction("it", None, Status.OK, "explicit", (instance,))
    mask = room.instance_id == instance
    stray = mask.copy()
    stray[np.flatnonzero(~mask)[:500]] = True
    unknown = replace(room, known=mask)
    whole, beside, forgiven = (
        score(one, "s", asked, [Reply(True, answer, 1.0)]).iou
        for one, answer in ((room, mask), (room, stray), (unknown, stray))
    )
    assert beside < whole and forgiven == whole
    lost = replace(room, instance_id=np.where(np.cumsum(mask) % 2, room.instance_id, 0))
    assert score(lost, "s", asked, [Reply(True, lost.instance_id == instance, 1.0)]).iou == pytest.approx(0.5, abs=0.02)


def test_the_questions_of_a_room_are_the_same_each_time(room: MappedRoom) -> None:
    first, again = Questions().of(room), Questions().of(room)
    assert first == again and len(first) > 5
    only = Questions(kinds=("explicit",), absent=1).of(room)
    assert {one.kind for one in only} == {"explicit"} and len(only) < len(first)


def test_rooms_are_measured_alike_in_one_process_and_in_two() -> None:
    questions = Questions(per_kind=1, absent=1, frames=3)
    plan = Plan(questions, (Lifting("simulated", standard_recipes(("projection", "lifted"), 2)),))
    alone, spread = (list(measure_rooms(plan, [9, 12], workers)) for workers in (1, 2))
    assert [one.seed for one in spread] == [9, 12]
    for one, other in zip(alone, spread, strict=True):
        assert (one.voxels, one.models) == (other.voxels, other.models) and len(one.rows) > 4
        for row, same in zip(one.rows, other.rows, strict=True):
            figures, expected = row.as_dict(), same.as_dict()
            assert {**figures, "seconds": 0} == {**expected, "seconds": 0}


def test_the_summary_has_a_key_a_system(room: MappedRoom) -> None:
    recipes = standard_recipes(("projection", "lifted", "ceiling"), 4)
    plan = Plan(Questions(per_kind=1, absent=1), (Lifting("simulated", recipes),))
    content = summary([RoomMeter(plan).ask(room)])
    assert {"projection", "lifted", "ceiling", "cost", "models", "seeds", "lifted_over_projection"} <= set(content)
    assert {"n", "miou", "acc25", "acc50", "specificity", "recall", "ece"} <= set(content["lifted"]["overall"])
    assert content["seeds"] == [9] and content["models"]["lifted"].startswith("simulated")


def test_a_scout_that_is_the_teacher_is_not_loaded_twice() -> None:
    recipes = standard_recipes(("lifted",), 2)
    (group,) = groups_of(Plan(liftings=(Lifting("simulated", recipes, scout="self"),)))
    assert group.names == ("lifted",) and "hallucination=0.2" in group.fingerprint


def test_the_models_of_a_plan_are_known_before_they_are_loaded() -> None:
    recipes = standard_recipes(("lifted",), 2)
    plan = Plan(liftings=(Lifting("simulated", recipes), Lifting("compact", recipes)), student=True)
    teacher, student = models_of(plan)
    assert teacher == groups_of(plan)[1].fingerprint and student.startswith("student:")
    assert models_of(Plan(liftings=plan.liftings[:1])) == ()


def test_a_student_is_measured_at_other_thresholds_of_presence_too(room: MappedRoom) -> None:
    rows = RoomMeter(Plan(Questions(per_kind=1, absent=1), student=True, presence=(0.0, 1.0))).ask(room).rows
    answered = {name: sum(row.answered for row in rows if row.system == name) for name in {row.system for row in rows}}
    assert set(answered) == {"student", "student@0", "student@1"}
    assert answered["student@0"] >= answered["student"] >= answered["student@1"]
    assert answered["student@0"] > answered["student@1"]
