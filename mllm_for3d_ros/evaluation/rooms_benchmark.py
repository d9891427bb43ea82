"""The Rooms benchmark: record a synthetic room, map it, ask its instructions, score the masks.

To add a system to the tables, write a ``SystemGroup`` and build it in ``groups_of``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from mllm_for3d_ros.evaluation.lifting_systems import LiftingGroup, Recipe, TeacherOf, baseline
from mllm_for3d_ros.evaluation.mapped_room import MappedRoom, map_room
from mllm_for3d_ros.evaluation.scoring import Row, score
from mllm_for3d_ros.evaluation.simulated_teacher import Faults, SimulatedTeacher
from mllm_for3d_ros.evaluation.systems import StudentGroup, SystemGroup
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.rooms.choice import choose_instructions
from mllm_for3d_ros.rooms.instructions import KINDS, Phrase, RoomInstruction, Split

if TYPE_CHECKING:
    from mllm_for3d_ros.teachers.base import Teacher

SYSTEMS = ("projection", "lifted", "student", "ceiling")
ORACLE = "oracle-classes"
"""System that answers with true classes; only measured when asked for. See ``oracle_classes``."""
SIMULATED = "simulated"
"""Name of the teacher made from the truth with set faults."""
Scout = Literal["auto", "none", "self", "compact"]


@dataclass(frozen=True)
class Questions:
    """What is asked: see ``choose_instructions`` for all but frames, the length of each tour."""

    source: Split | tuple[Phrase, ...] = "validation"
    per_class: int = 1
    per_kind: int = 4
    absent: int = 3
    kinds: tuple[str, ...] = KINDS
    frames: int = 60

    def of(self, room: MappedRoom) -> list[RoomInstruction]:
        """The instructions of a room, the same each time."""
        return choose_instructions(
            room.recording.room,
            room.truth,
            self.source,
            np.random.default_rng([8, room.seed]),
            per_class=self.per_class,
            per_kind=self.per_kind,
            absent=self.absent,
            kinds=self.kinds,
        )


@dataclass(frozen=True)
class Lifting:
    """Recipes over one teacher.

    teacher: as for ``load_teacher``, or ``SIMULATED`` with these ``faults``. recipes: see ``LiftingGroup``, also
    for prefix. scout: who helps to choose views: nobody but the teacher's own first answers ("none"), the teacher
    in a first pass ("self"), or the compact teacher ("compact"); "auto" is none for a simulated teacher, whose looks
    are no cheaper than its answers, and else the compact one.
    """

    teacher: str
    recipes: tuple[Recipe, ...]
    faults: Faults = field(default_factory=Faults)
    scout: Scout = "auto"
    prefix: str = ""


@dataclass(frozen=True)
class Plan:
    """All that a process needs to measure rooms.

    student: with this checkpoint (None: the shipped one), its own threshold of presence and those of ``presence``.
    oracle: whether true classes are measured too.
    """

    questions: Questions = field(default_factory=Questions)
    liftings: tuple[Lifting, ...] = ()
    student: bool = False
    checkpoint: Path | None = None
    device: str = "auto"
    oracle: bool = False
    presence: tuple[float, ...] = ()


@dataclass(frozen=True)
class RoomResult:
    """What was measured on one room. seconds: to "map" it, and of each
    group, under the name of its first system. models: fingerprint of what answers, by system.
    """

    seed: int
    voxels: int
    rows: tuple[Row, ...]
    seconds: dict[str, float]
    models: dict[str, str]


def standard_recipes(systems: Sequence[str], views: int) -> tuple[Recipe, ...]:
    """The recipes among ``SYSTEMS`` that are asked for, the method's with so many views."""
    settings = LiftSettings(views=views)
    known = (baseline(), Recipe("lifted", settings), Recipe("ceiling", settings, "ceiling"))
    return tuple(recipe for recipe in known if recipe.name in systems)


class RoomMeter:
    """Measures one room after the other with the same loaded models."""

    def __init__(self, plan: Plan, groups: Sequence[SystemGroup] | None = None) -> None:
        """``groups`` take the place of those that the plan names.

        Raises:
            MLLMFor3DError: a model cannot be loaded.
        """
        self.plan = plan
        given = groups_of(plan) if groups is None else groups
        self.groups = tuple(group for group in given if group.names)

    def measure(self, seed: int) -> RoomResult:
        """Record, map, ask and score the room of ``seed``."""
        clock = _Clock()
        room = map_room(seed, self.plan.questions.frames)
        clock.lap("map")
        return self.ask(room, clock)

    def ask(self, room: MappedRoom, clock: _Clock | None = None) -> RoomResult:
        """Ask and score a mapped room."""
        clock = clock or _Clock()
        asked = self.plan.questions.of(room)
        rows: list[Row] = []
        for group in self.groups:
            answer = group.open(room, asked)
            for instruction in asked:
                replies = answer(instruction)
                rows += [score(room, name, instruction, replies[name]) for name in group.names]
            clock.lap(group.names[0])
        models = {name: group.fingerprint for group in self.groups for name in group.names}
        return RoomResult(room.seed, len(room.cloud), tuple(rows), clock.seconds, models)


def groups_of(plan: Plan) -> tuple[SystemGroup, ...]:
    """Load the models of a plan.

    Raises:
        MLLMFor3DError: one cannot be loaded.
    """
    groups: list[SystemGroup] = [_lifting_group(lifting, plan) for lifting in plan.liftings]
    if plan.student:
        from mllm_for3d_ros.answering import loading

        answerer, _ = loading.load_answerer(plan.checkpoint, plan.device)
        groups.append(StudentGroup(answerer, presence=plan.presence))
    if plan.oracle:
        from mllm_for3d_ros.evaluation.oracle_classes import OracleClassesGroup, TextClasses

        groups.append(OracleClassesGroup(TextClasses.load(plan.checkpoint).index))
    return tuple(groups)


def models_of(plan: Plan) -> tuple[str, ...]:
    """Names and hashes of the weights that ``groups_of`` would load, without loading them.

    Raises:
        MLLMFor3DError: one is missing or damaged.
    """
    from mllm_for3d_ros.assets import models_dir
    from mllm_for3d_ros.checkpoint import load_checkpoint
    from mllm_for3d_ros.student.prediction import CHECKPOINT
    from mllm_for3d_ros.teachers.registry import fingerprint_of

    named = {name for one in plan.liftings for name in (one.teacher, _scout(one))} - {SIMULATED, "none", "self"}
    models = [str(fingerprint_of(name)) for name in sorted(named)]
    if plan.student or plan.oracle:
        card = load_checkpoint(plan.checkpoint or models_dir() / CHECKPOINT, "student")[1]
        models.append(f"student:{card['sha256']}")
    return tuple(models)


def _lifting_group(lifting: Lifting, plan: Plan) -> LiftingGroup:
    teacher_of, fingerprint = _teacher(lifting.teacher, lifting.faults, plan)
    scout: TeacherOf | Literal["self"] | None = None
    chosen = _scout(lifting)
    if chosen in ("self", lifting.teacher):
        scout = "self"
    elif chosen != "none":
        scout = _teacher(chosen, lifting.faults, plan)[0]
    return LiftingGroup(lifting.recipes, teacher_of, fingerprint, lifting.prefix, scout)


def _scout(lifting: Lifting) -> Scout:
    if lifting.scout != "auto":
        return lifting.scout
    return "none" if lifting.teacher == SIMULATED else "compact"


def _teacher(name: str, faults: Faults, plan: Plan) -> tuple[TeacherOf, str]:
    """What makes the teacher for a room, and its fingerprint."""
    if name == SIMULATED:
        return partial(_simulated, faults=faults), f"{SIMULATED}:{faults}"
    from mllm_for3d_ros.teachers.options import TeacherOptions
    from mllm_for3d_ros.teachers.registry import load_teacher

    teacher = load_teacher(name, TeacherOptions(device=plan.device, views_kept=max(64, plan.questions.frames)))
    return partial(_loaded, teacher=teacher), str(teacher.fingerprint)


def _simulated(room: MappedRoom, asked: Sequence[RoomInstruction], faults: Faults) -> Teacher:
    targets = {instruction.text: instruction.instances for instruction in asked}
    return SimulatedTeacher(room.recording, targets, faults)


def _loaded(room: MappedRoom, asked: Sequence[RoomInstruction], teacher: Teacher) -> Teacher:
    return teacher


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage], self._last = round(now - self._last, 3), now


def measure_rooms(plan: Plan, seeds: Sequence[int], workers: int = 1) -> Iterator[RoomResult]:
    """Results of the rooms of ``seeds``, in their order, the same whatever the number of processes."""
    from mllm_for3d_ros.evaluation import workers as pool

    return pool.spread(partial(RoomMeter, plan), seeds, workers)
