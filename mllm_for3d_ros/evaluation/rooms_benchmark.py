"""The Rooms benchmark: record a synthetic room, map it, ask it the phrases of a bank, score the masks.

A *system* is whatever answers: the student, a lifted teacher, an oracle. To add a row to the table,
write a class with ``name`` and ``open(room)``.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.answering.lifted import LiftedTeacher
from mllm_for3d_ros.evaluation.metrics import Scored, overlap, summarise
from mllm_for3d_ros.rooms.instructions import CONTEXT_FREE_KINDS, Phrase, RoomInstruction
from mllm_for3d_ros.rooms.recording import MIN_SEEN_VOXELS, GroundTruth, RoomsRecording
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES, class_index
from mllm_for3d_ros.scene.offline import fuse_frames
from mllm_for3d_ros.scene.voxel_map import voxel_keys
from mllm_for3d_ros.teachers.compact.teacher import CompactTeacher
from mllm_for3d_ros.types import Mask3D, SceneCloud, Status

VOXEL_SIZE = 0.025


@dataclass(frozen=True)
class MappedRoom:
    """A recorded and mapped room with its truth.

    class_index: [N] int32 true class of each row of the cloud, -1 elsewhere. total: [20] true voxels of
    each class, whether or not the map has them.
    """

    recording: RoomsRecording
    cloud: SceneCloud
    class_index: np.ndarray
    total: np.ndarray

    @property
    def present(self) -> tuple[str, ...]:
        """Classes that the room holds."""
        return self.recording.room.classes

    @property
    def seen(self) -> tuple[str, ...]:
        """Classes that the recording shows well enough to be asked for."""
        return tuple(name for name in self.present if self.total[class_index(name)] >= MIN_SEEN_VOXELS)


class System(Protocol):
    """Something that answers instructions on mapped rooms."""

    name: str

    def open(self, room: MappedRoom) -> Callable[[str], Mask3D]:
        """Do what is needed once for a room; returns the function that answers an instruction."""


class StudentSystem:
    """The student of an answerer."""

    def __init__(self, answerer: Answerer, name: str = "student") -> None:
        self.name = name
        self._answerer = answerer

    def open(self, room: MappedRoom) -> Callable[[str], Mask3D]:
        """Encode the room's map."""
        scene = self._answerer.encode(room.cloud)
        return lambda text: self._answerer.answer(scene, text)


class LiftedSystem:
    """The compact teacher over every ``step``-th frame, lifted: what the student's pseudo-labels are made of."""

    def __init__(self, teacher: CompactTeacher, step: int = 4, name: str = "lifted teacher") -> None:
        self.name = name
        self._teacher, self._step = teacher, step

    def open(self, room: MappedRoom) -> Callable[[str], Mask3D]:
        """Look at the key views of the room's recording."""
        frames = [room.recording[i] for i in range(0, len(room.recording), self._step)]
        answerer = Answerer(LiftedTeacher(self._teacher, frames))
        scene = answerer.encode(room.cloud)
        return lambda text: answerer.answer(scene, text)


@dataclass(frozen=True)
class Row:
    """One asked instruction: what was asked, what came back, and in how many milliseconds."""

    seed: int
    instruction: RoomInstruction
    status: Status
    presence: float
    scored: Scored
    latency_ms: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "seed": self.seed,
            "text": self.instruction.text,
            "class": self.instruction.class_name,
            "kind": self.instruction.kind,
            "expected": self.instruction.status.name,
            "status": self.status.name,
            "presence": round(self.presence, 4),
            "iou": round(self.scored.iou, 4),
            "latency_ms": round(self.latency_ms, 2),
        }


@dataclass(frozen=True)
class Report:
    """Everything that a run of the benchmark found about one system."""

    system: str
    rows: tuple[Row, ...]
    encode_ms: tuple[float, ...]

    def groups(self) -> dict[str, dict[str, Any]]:
        """Figures of all rows, then of each kind of phrase."""
        kinds: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            kinds["all"].append(row)
            kinds[row.instruction.kind].append(row)
        return {kind: summarise([row.scored for row in rows]).as_dict() for kind, rows in kinds.items()}

    def classes(self) -> dict[str, float]:
        """Mean IoU of each class that was asked for and there."""
        ious: dict[str, list[float]] = defaultdict(list)
        for row in self.rows:
            if row.scored.present and row.instruction.class_name:
                ious[row.instruction.class_name].append(row.scored.iou)
        return {name: round(float(np.mean(ious[name])), 4) for name in CLASS_NAMES if name in ious}

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "system": self.system,
            "seeds": sorted({row.seed for row in self.rows}),
            "groups": self.groups(),
            "classes": self.classes(),
            "latency_ms_p50": round(float(np.median([row.latency_ms for row in self.rows])), 2),
            "encode_ms_p50": round(float(np.median(self.encode_ms)), 1),
            "rows": [row.as_dict() for row in self.rows],
        }


def map_room(seed: int, frames: int = 60, voxel_size: float = VOXEL_SIZE) -> MappedRoom:
    """Record the room of ``seed`` and map it offline."""
    recording = RoomsRecording(seed, frames)
    cloud = fuse_frames(recording, voxel_size=voxel_size)
    truth = recording.ground_truth(voxel_size)
    total = np.bincount(truth.class_index[truth.class_index >= 0], minlength=len(CLASS_NAMES))
    return MappedRoom(recording, cloud, align(truth, cloud), total)


def align(truth: GroundTruth, cloud: SceneCloud) -> np.ndarray:
    """[N] int32 true class of each row of the cloud, -1 for background and voxels unknown to the truth."""
    keys = np.concatenate([truth.keys, voxel_keys(cloud.points, truth.voxel_size)]).astype(np.int64)
    keys -= keys.min(0, initial=0)
    packed = np.ravel_multi_index(tuple(keys.T), tuple(keys.max(0, initial=0) + 1))
    known, asked = packed[: len(truth)], packed[len(truth) :]
    if not len(known):
        return np.full(len(asked), -1, np.int32)
    order = np.argsort(known)
    place = order[np.minimum(np.searchsorted(known[order], asked), len(known) - 1)]
    return np.where(known[place] == asked, truth.class_index[place], -1).astype(np.int32)


def choose_instructions(
    phrases: Sequence[Phrase],
    room: MappedRoom,
    rng: np.random.Generator,
    *,
    per_class: int = 1,
    absent: int = 3,
    kinds: Sequence[str] = CONTEXT_FREE_KINDS,
) -> list[RoomInstruction]:
    """The instructions of one room.

    Args:
        phrases: bank to draw from; those of kinds not listed are left out.
        room: what is asked.
        rng: source of all choices.
        per_class: phrases of each kind for each seen class; 0 takes all.
        absent: phrases of each kind for classes that the room lacks, and as many for things outside of
            the vocabulary; 0 takes all.
        kinds: kinds of phrase that may ask for a class.
    """
    chosen = []
    for kind in kinds:
        of_kind = [phrase for phrase in phrases if phrase.kind == kind]
        for name in room.seen:
            pool = [phrase for phrase in of_kind if phrase.class_name == name]
            chosen += [RoomInstruction(p.text, name, Status.OK, kind) for p in _draw(pool, per_class, rng)]
        lacking = [phrase for phrase in of_kind if phrase.class_name not in room.present]
        drawn = _draw(lacking, absent, rng)
        chosen += [RoomInstruction(p.text, p.class_name, Status.NO_TARGET, kind) for p in drawn]
    outside = [phrase for phrase in phrases if phrase.class_name is None]
    chosen += [RoomInstruction(p.text, None, Status.NO_TARGET, p.kind) for p in _draw(outside, absent, rng)]
    return chosen


def _draw(pool: Sequence[Phrase], count: int, rng: np.random.Generator) -> list[Phrase]:
    order = rng.permutation(len(pool))
    return [pool[i] for i in (order[:count] if count else order)]


def ask(room: MappedRoom, instruction: RoomInstruction, answer: Callable[[str], Mask3D]) -> Row:
    """Ask one instruction and score the answer."""
    start = time.perf_counter()
    given = answer(instruction.text)
    latency = 1000 * (time.perf_counter() - start)
    present = instruction.status is Status.OK
    target, missed = np.zeros(len(room.cloud), bool), 0
    if present and instruction.class_name is not None:
        index = class_index(instruction.class_name)
        target = room.class_index == index
        missed = int(room.total[index]) - int(target.sum())
    scored = Scored(present, given.status is Status.OK, overlap(given.mask, target, missed))
    return Row(room.recording.seed, instruction, given.status, given.presence, scored, latency)


def run_benchmark(
    systems: Sequence[System],
    rooms: Iterable[MappedRoom],
    phrases: Sequence[Phrase],
    *,
    per_class: int = 1,
    absent: int = 3,
) -> list[Report]:
    """Ask every system the same instructions on the same rooms."""
    rows: dict[str, list[Row]] = {system.name: [] for system in systems}
    encode: dict[str, list[float]] = {system.name: [] for system in systems}
    for room in rooms:
        rng = np.random.default_rng([8, room.recording.seed])
        asked = choose_instructions(phrases, room, rng, per_class=per_class, absent=absent)
        for system in systems:
            start = time.perf_counter()
            answer = system.open(room)
            encode[system.name].append(1000 * (time.perf_counter() - start))
            rows[system.name] += [ask(room, instruction, answer) for instruction in asked]
    return [Report(system.name, tuple(rows[system.name]), tuple(encode[system.name])) for system in systems]
