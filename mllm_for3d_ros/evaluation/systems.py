"""What the Rooms benchmark compares: groups of systems that answer the same instructions on the same rooms."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.evaluation.mapped_room import MappedRoom
from mllm_for3d_ros.rooms.instructions import RoomInstruction
from mllm_for3d_ros.types import Status


@dataclass(frozen=True)
class Reply:
    """One answer to an instruction on a room.

    found: whether a target is said to be there. mask: [N] bool over the map's voxels. presence: 0..1 that the
    target is there. calls: views that a teacher was asked about for it. seconds: spent, a teacher's time apart.
    """

    found: bool
    mask: np.ndarray
    presence: float
    calls: int = 0
    seconds: float = 0.0


Replies = Mapping[str, Sequence[Reply]]
"""By system; several where a system draws at random, and is judged by the mean of its draws."""


class SystemGroup(Protocol):
    """Systems that share work; each answers every instruction.

    names: of the systems.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Of the systems, in the order of tables."""

    @property
    def fingerprint(self) -> str:
        """Of the model that answers."""

    def open(self, room: MappedRoom, asked: Sequence[RoomInstruction]) -> Callable[[RoomInstruction], Replies]:
        """Do what is needed once for a room; returns the function that answers one of ``asked``."""


class StudentGroup:
    """The student of an answerer, with its own threshold of presence and with others ("student@0.3")."""

    def __init__(self, answerer: Answerer, name: str = "student", presence: Sequence[float] = ()) -> None:
        self._thresholds = {name: None} | {f"{name}@{threshold:g}": threshold for threshold in presence}
        self.names = tuple(self._thresholds)
        self._answerer = answerer

    @property
    def fingerprint(self) -> str:
        """Of the student."""
        return self._answerer.fingerprint

    def open(self, room: MappedRoom, asked: Sequence[RoomInstruction]) -> Callable[[RoomInstruction], Replies]:
        """Encode the room's map."""
        scene = self._answerer.encode(room.cloud)

        def answer(instruction: RoomInstruction) -> Replies:
            replies: dict[str, list[Reply]] = {}
            for name, threshold in self._thresholds.items():
                start = time.perf_counter()
                given = self._answerer.answer(scene, instruction.text, presence_threshold=threshold)
                spent = time.perf_counter() - start
                replies[name] = [Reply(given.status is Status.OK, given.mask, given.presence, seconds=spent)]
            return replies

        return answer
