"""Systems that lift a teacher's answers, from the paper's baseline to the whole method and its ceiling.

All of them ask the same teacher and read labels at the same thresholds. They share the answers to an
instruction and, where they choose views, the choice.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mllm_for3d_ros.evaluation.asked_teacher import AskedTeacher
from mllm_for3d_ros.evaluation.mapped_room import MappedRoom
from mllm_for3d_ros.evaluation.simulated_teacher import Faults, SimulatedTeacher
from mllm_for3d_ros.evaluation.systems import Replies, Reply
from mllm_for3d_ros.lifting.label_scene import SceneLabel, SceneLabeller
from mllm_for3d_ros.lifting.lift import lift, projection_only
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.rooms.instructions import RoomInstruction
from mllm_for3d_ros.teachers.base import Teacher
from mllm_for3d_ros.types import PseudoLabel, ViewAnswer

MASK_THRESHOLD = PRESENCE_THRESHOLD = 0.5
MIN_VOXELS = 20
"""A lifted mask of fewer voxels counts as no target, as for ``Answerer``."""
BASELINE_VIEWS, BASELINE_DRAWS = 4, 5
PERFECT = Faults(0.0, 0.0, ragged=0.0, informative_scores=True, token_noise=0.0, min_pixels=1)

Votes = Literal["plain", "lifted", "ceiling"]
TeacherOf = Callable[[MappedRoom, Sequence[RoomInstruction]], Teacher]


@dataclass(frozen=True)
class Recipe:
    """One way to lift.

    votes: "plain" for the paper's unweighted mean, "lifted" for ``lift``, "ceiling" for ``lift`` of perfect
    masks in the views that the method chooses. settings: with ``view_choice`` off, views are drawn at random.
    draws: of the views, whose scores are averaged.
    """

    name: str
    settings: LiftSettings
    votes: Votes = "lifted"
    draws: int = 1


def baseline(name: str = "projection", views: int = BASELINE_VIEWS) -> Recipe:
    """The paper's projection-only baseline."""
    return Recipe(name, LiftSettings(view_choice=False, views=views), "plain", BASELINE_DRAWS)


class LiftingGroup:
    """Recipes over the answers of one teacher."""

    def __init__(
        self,
        recipes: Sequence[Recipe],
        teacher_of: TeacherOf,
        fingerprint: str,
        prefix: str = "",
        scout_of: TeacherOf | Literal["self"] | None = None,
    ) -> None:
        """A group.

        Args:
            recipes: ways to lift.
            teacher_of: makes the teacher for a room and the instructions to be asked there.
            fingerprint: of the teacher.
            prefix: put before the names of the recipes.
            scout_of: makes a cheap teacher that helps to choose views, or "self" for the teacher in that part;
                see ``SceneLabeller``.
        """
        self.names = tuple(prefix + recipe.name for recipe in recipes)
        self.fingerprint = fingerprint
        self._recipes, self._teacher_of, self._scout_of = tuple(recipes), teacher_of, scout_of

    def open(self, room: MappedRoom, asked: Sequence[RoomInstruction]) -> Callable[[RoomInstruction], Replies]:
        """Prepare the choice of views."""
        lifting = _RoomLifting(room, asked, self._teacher_of, self._scout_of)

        def answer(instruction: RoomInstruction) -> Replies:
            lifting.begin(instruction.text)
            return {name: lifting.replies(recipe) for name, recipe in zip(self.names, self._recipes, strict=True)}

        return answer


class _RoomLifting:
    """The recipes on one room, one instruction after the other."""

    def __init__(
        self,
        room: MappedRoom,
        asked: Sequence[RoomInstruction],
        teacher_of: TeacherOf,
        scout_of: TeacherOf | Literal["self"] | None,
    ) -> None:
        self._room = room
        self._teacher = AskedTeacher(teacher_of(room, asked))
        self._scout: AskedTeacher | None = self._teacher
        if scout_of != "self":
            self._scout = AskedTeacher(scout_of(room, asked)) if scout_of else None
        self._asked = list(dict.fromkeys(teacher for teacher in (self._teacher, self._scout) if teacher is not None))
        targets = {instruction.text: instruction.instances for instruction in asked}
        self._perfect = SimulatedTeacher(room.recording, targets, PERFECT)
        self._labellers: dict[LiftSettings, SceneLabeller] = {}
        self._text = ""
        self._chosen: dict[LiftSettings, tuple[SceneLabel, int, float]] = {}

    def begin(self, text: str) -> None:
        """Go on to the next instruction."""
        self._text, self._chosen = text, {}

    def replies(self, recipe: Recipe) -> list[Reply]:
        """Answers by one recipe."""
        if not recipe.settings.view_choice:
            return [self._drawn(recipe, draw) for draw in range(recipe.draws)]
        label, calls, seconds = self._choose(replace(recipe.settings, **_ALL_STEPS))
        if recipe.votes == "lifted" and recipe.settings == replace(recipe.settings, **_ALL_STEPS):
            return [_read(label.label, recipe.votes, calls, seconds)]
        answers = self._perfect_answers(label) if recipe.votes == "ceiling" else label.answers
        return [self._voted(recipe, label.views, answers, calls)]

    def _drawn(self, recipe: Recipe, draw: int) -> Reply:
        frames = self._room.frames
        rng = np.random.default_rng([13, self._room.seed, zlib.crc32(self._text.encode()), draw])
        count = min(recipe.settings.views, len(frames))
        views = sorted(int(i) for i in rng.choice(len(frames), count, replace=False))
        return self._voted(recipe, views, self._teacher.answer([frames[i] for i in views], self._text), count)

    def _voted(self, recipe: Recipe, views: Sequence[int], answers: Sequence[ViewAnswer], calls: int) -> Reply:
        scene, start = self._room.lift_scene, time.perf_counter()
        if recipe.votes == "plain":
            label = projection_only(scene, self._text, answers, views)
        else:
            label = lift(scene, self._text, answers, recipe.settings, views)
        return _read(label, recipe.votes, calls, time.perf_counter() - start)

    def _choose(self, settings: LiftSettings) -> tuple[SceneLabel, int, float]:
        """The label by all steps with as many views, the views asked for it, and the seconds of lifting."""
        if settings not in self._chosen:
            labeller = self._labeller(settings)
            for teacher in self._asked:
                teacher.count_anew()
            start = time.perf_counter()
            label = labeller.label(self._text)
            spent = time.perf_counter() - start - sum(teacher.seconds for teacher in self._asked)
            self._chosen[settings] = label, sum(len(teacher.views) for teacher in self._asked), spent
        return self._chosen[settings]

    def _labeller(self, settings: LiftSettings) -> SceneLabeller:
        if settings not in self._labellers:
            scene, frames = self._room.lift_scene, self._room.frames
            self._labellers[settings] = SceneLabeller(scene, frames, self._teacher, settings, self._scout)
        return self._labellers[settings]

    def _perfect_answers(self, label: SceneLabel) -> list[ViewAnswer]:
        return self._perfect.answer([self._room.frames[i] for i in label.views], self._text)


_ALL_STEPS = {"view_choice": True, "token_attention": True, "superpoints": True, "consistency": True}


def _read(label: PseudoLabel, votes: Votes, calls: int, seconds: float) -> Reply:
    """What a label says at the thresholds; the plain mean says "found" as soon as a voxel reaches its own."""
    mask = np.nan_to_num(label.probability) >= MASK_THRESHOLD
    if votes == "plain":
        return Reply(bool(mask.any()), mask, label.presence, calls, seconds)
    found = label.presence >= PRESENCE_THRESHOLD and int(mask.sum()) >= MIN_VOXELS
    return Reply(found, mask, label.presence, calls, seconds)
