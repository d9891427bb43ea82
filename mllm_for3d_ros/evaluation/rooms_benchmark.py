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
from mllm_for3d_ros.rooms.choice import choose_instructions
from mllm_for3d_ros.rooms.instructions import KINDS, Phrase, RoomInstruction, Split
from mllm_for3d_ros.rooms.recording import GroundTruth, RoomsRecording
from mllm_for3d_ros.rooms.seen_things import SeenThings
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.scene.offline import fuse_frames
from mllm_for3d_ros.scene.voxel_map import voxel_keys
from mllm_for3d_ros.teachers.compact.teacher import CompactTeacher
from mllm_for3d_ros.types import Mask3D, SceneCloud, Status

VOXEL_SIZE = 0.025


@dataclass(frozen=True)
class MappedRoom:
    """A recorded and mapped room with its truth.

    truth: of the recording. class_index: [N] int32 true class of each row of the cloud, -1 elsewhere.
    instance_id: [N] int32 true instance of each row of the cloud, 0 elsewhere.
    """

    recording: RoomsRecording
    cloud: SceneCloud
    truth: GroundTruth
    class_index: np.ndarray
    instance_id: np.ndarray

    @property
    def present(self) -> tuple[str, ...]:
        """Classes that the room holds."""
        return self.recording.room.classes

    @property
    def seen(self) -> tuple[str, ...]:
        """Classes that the recording shows well enough to be asked for."""
        return SeenThings.of(self.recording.room, self.truth).classes


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
    row = align(truth, cloud)
    known = row >= 0
    class_index, instance_id = np.full(len(cloud), -1, np.int32), np.zeros(len(cloud), np.int32)
    class_index[known], instance_id[known] = truth.class_index[row[known]], truth.instance_id[row[known]]
    return MappedRoom(recording, cloud, truth, class_index, instance_id)


def align(truth: GroundTruth, cloud: SceneCloud) -> np.ndarray:
    """[N] int64 row of ``truth`` that each row of the cloud belongs to, -1 for voxels unknown to the truth."""
    keys = np.concatenate([truth.keys, voxel_keys(cloud.points, truth.voxel_size)]).astype(np.int64)
    keys -= keys.min(0, initial=0)
    packed = np.ravel_multi_index(tuple(keys.T), tuple(keys.max(0, initial=0) + 1))
    known, asked = packed[: len(truth)], packed[len(truth) :]
    if not len(known):
        return np.full(len(asked), -1)
    order = np.argsort(known)
    place = order[np.minimum(np.searchsorted(known[order], asked), len(known) - 1)]
    return np.where(known[place] == asked, place, -1)


def ask(room: MappedRoom, instruction: RoomInstruction, answer: Callable[[str], Mask3D]) -> Row:
    """Ask one instruction and score the answer."""
    start = time.perf_counter()
    given = answer(instruction.text)
    latency = 1000 * (time.perf_counter() - start)
    present = instruction.status is Status.OK
    target = np.isin(room.instance_id, instruction.instances)
    missed = int(np.isin(room.truth.instance_id, instruction.instances).sum()) - int(target.sum())
    scored = Scored(present, given.status is Status.OK, overlap(given.mask, target, missed))
    return Row(room.recording.seed, instruction, given.status, given.presence, scored, latency)


def run_benchmark(
    systems: Sequence[System],
    rooms: Iterable[MappedRoom],
    source: Split | Sequence[Phrase],
    *,
    per_class: int = 1,
    absent: int = 3,
    kinds: Sequence[str] = KINDS,
) -> list[Report]:
    """Ask every system the same instructions on the same rooms; see ``choose_instructions`` for the rest."""
    rows: dict[str, list[Row]] = {system.name: [] for system in systems}
    encode: dict[str, list[float]] = {system.name: [] for system in systems}
    for room in rooms:
        rng = np.random.default_rng([8, room.recording.seed])
        asked = choose_instructions(
            room.recording.room, room.truth, source, rng, per_class=per_class, absent=absent, kinds=kinds
        )
        for system in systems:
            start = time.perf_counter()
            answer = system.open(room)
            encode[system.name].append(1000 * (time.perf_counter() - start))
            rows[system.name] += [ask(room, instruction, answer) for instruction in asked]
    return [Report(system.name, tuple(rows[system.name]), tuple(encode[system.name])) for system in systems]
