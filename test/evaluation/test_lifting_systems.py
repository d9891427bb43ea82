"""The baseline is the paper's, what systems share is shared, and perfect masks are the ceiling."""

from collections.abc import Sequence

import numpy as np
import pytest

from mllm_for3d_ros.evaluation.lifting_systems import LiftingGroup, Recipe, baseline
from mllm_for3d_ros.evaluation.mapped_room import MappedRoom
from mllm_for3d_ros.evaluation.rooms_benchmark import Questions
from mllm_for3d_ros.evaluation.scoring import score
from mllm_for3d_ros.evaluation.simulated_teacher import Faults, SimulatedTeacher
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.rooms.instructions import RoomInstruction
from mllm_for3d_ros.teachers.base import Teacher
from mllm_for3d_ros.types import Frame, ViewAnswer

FEW = LiftSettings(views=4)


class Counted:
    """A simulated teacher that keeps a list of the views it was asked about."""

    def __init__(self, room: MappedRoom, asked: Sequence[RoomInstruction], faults: Faults) -> None:
        self._teacher = SimulatedTeacher(room.recording, {one.text: one.instances for one in asked}, faults)
        self.token_dim, self.fingerprint = self._teacher.token_dim, self._teacher.fingerprint
        self.asked: list[tuple[int, str]] = []

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        self.asked += [(frame.stamp_ns, instruction) for frame in frames]
        return self._teacher.answer(frames, instruction)


class Bench:
    """One room, its questions, and a group of recipes over a counted teacher."""

    def __init__(self, room: MappedRoom, *recipes: Recipe, faults: Faults | None = None, scout: bool = False) -> None:
        self.room, self.asked = room, Questions(kinds=("explicit",), absent=2).of(room)
        self.teacher: Counted | None = None
        group = LiftingGroup(recipes, self._make, "t", scout_of="self" if scout else None)
        self._faults = faults or Faults(0, 0, ragged=0)
        self.answer = group.open(room, self.asked)

    def _make(self, room: MappedRoom, asked: Sequence[RoomInstruction]) -> Teacher:
        self.teacher = Counted(room, asked, self._faults)
        return self.teacher

    def miou(self, name: str) -> float:
        present = [one for one in self.asked if one.instances]
        return float(np.mean([score(self.room, name, one, self.answer(one)[name]).iou for one in present]))


def test_the_baseline_is_a_plain_mean_of_four_random_views_drawn_five_times(room: MappedRoom) -> None:
    bench = Bench(room, baseline(), faults=Faults(0.3, 0.1, ragged=2.0))
    instruction = max(bench.asked, key=lambda one: int(np.isin(room.instance_id, one.instances).sum()))
    replies = bench.answer(instruction)["projection"]
    assert len(replies) == 5 and {reply.calls for reply in replies} == {4}
    assert len({reply.mask.tobytes() for reply in replies}) > 1, "draws differ"
    again = bench.answer(instruction)["projection"]
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(replies, again, strict=True)), "and can be repeated"
    means = []
    teacher = SimulatedTeacher(room.recording, {instruction.text: instruction.instances}, Faults(0.3, 0.1, ragged=2.0))
    for first in range(len(room.frames)):
        for views in ([first, *rest] for rest in _triples(first + 1, len(room.frames))):
            means.append(_plain_mean(room, teacher, instruction.text, views) >= 0.5)
    assert all(any(np.array_equal(reply.mask, mean) for mean in means) for reply in replies)


def _triples(first: int, end: int) -> list[tuple[int, int, int]]:
    return [(a, b, c) for a in range(first, end) for b in range(a + 1, end) for c in range(b + 1, end)]


def _plain_mean(room: MappedRoom, teacher: Teacher, text: str, views: Sequence[int]) -> np.ndarray:
    total, seen = np.zeros((2, len(room.cloud)), np.float32)
    for i, answer in zip(views, teacher.answer([room.frames[i] for i in views], text), strict=True):
        shown = room.lift_scene.visibility[i]
        total[shown.indices] += answer.mask[shown.v, shown.u]
        seen[shown.indices] += 1
    return total / np.maximum(seen, 1)


def test_perfect_masks_are_the_ceiling_and_faults_cost(room: MappedRoom) -> None:
    lifted, ceiling = Recipe("lifted", FEW), Recipe("ceiling", FEW, "ceiling")
    perfect, faulty = Bench(room, lifted, ceiling), Bench(room, lifted, ceiling, faults=Faults(0.5, 0.4, ragged=6.0))
    assert perfect.miou("lifted") == pytest.approx(perfect.miou("ceiling"), abs=0.02) and perfect.miou("lifted") > 0.7
    assert faulty.miou("ceiling") > 0.6 > faulty.miou("lifted")


def test_systems_share_the_answers_and_the_choice_of_views(room: MappedRoom) -> None:
    steps = LiftSettings(views=4, consistency=False)
    bench = Bench(room, Recipe("lifted", FEW), Recipe("steps", steps), Recipe("chosen", steps, "plain"), baseline())
    assert bench.teacher is not None
    for instruction in bench.asked:
        replies = bench.answer(instruction)
        assert replies["lifted"][0].calls == replies["steps"][0].calls == replies["chosen"][0].calls == 4
    assert len(bench.teacher.asked) == len(set(bench.teacher.asked)), "no view is asked the same twice"


def test_views_that_a_scout_looks_at_are_calls_too(room: MappedRoom) -> None:
    bench = Bench(room, Recipe("lifted", LiftSettings(views=2, candidates=5)), scout=True)
    for instruction in bench.asked[:3]:
        assert 5 <= bench.answer(instruction)["lifted"][0].calls <= 7


def test_every_step_changes_the_answer(room: MappedRoom) -> None:
    steps = {
        "all": {},
        "token_attention": {"token_attention": False},
        "superpoints": {"superpoints": False},
        "consistency": {"consistency": False},
    }
    recipes = [Recipe(name, LiftSettings(views=6, **off)) for name, off in steps.items()]
    bench = Bench(room, *recipes, faults=Faults())
    said: dict[str, list[tuple[bytes, float]]] = {name: [] for name in steps}
    for instruction in bench.asked:
        for name, replies in bench.answer(instruction).items():
            said[name].append((replies[0].mask.tobytes(), replies[0].presence))
    assert [name for name in steps if said[name] == said["all"]] == ["all"]
