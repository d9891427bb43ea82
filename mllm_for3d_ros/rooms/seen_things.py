"""What a recording shows of a room, object by object: the ground on which instructions are judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.rooms.objects import PlacedObject
from mllm_for3d_ros.rooms.recording import MIN_SEEN_VOXELS, GroundTruth
from mllm_for3d_ros.rooms.room import Room
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES


@dataclass(frozen=True)
class SeenThings:
    """A room and how many voxels of each instance its recording shows (voxels: by instance id)."""

    room: Room
    voxels: dict[int, int]

    @classmethod
    def of(cls, room: Room, truth: GroundTruth) -> SeenThings:
        """Count the voxels of each instance in the ground truth of a recording of ``room``."""
        ids, counts = np.unique(truth.instance_id, return_counts=True)
        return cls(room, {int(i): int(n) for i, n in zip(ids, counts, strict=True) if i > 0})

    def noticed(self, class_name: str) -> tuple[PlacedObject, ...]:
        """The objects of a class of which the recording shows anything at all."""
        return tuple(thing for thing in self.all_of(class_name) if thing.instance_id in self.voxels)

    def all_of(self, class_name: str) -> tuple[PlacedObject, ...]:
        """The objects of a class that the room holds, seen or not."""
        return tuple(thing for thing in self.room.objects if thing.class_name == class_name)

    def is_well_seen(self, thing: PlacedObject) -> bool:
        """Whether the recording shows enough of ``thing`` to ask for it."""
        return self.voxels.get(thing.instance_id, 0) >= MIN_SEEN_VOXELS

    def room_of(self, thing: PlacedObject) -> int:
        """Index of the room of an apartment that ``thing`` stands in."""
        return int(self.room.room_at(np.array([thing.footprint.center]))[0])

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes that the recording shows well enough, all instances taken together, to be asked for."""
        return tuple(n for n in CLASS_NAMES if sum(self.count(t) for t in self.all_of(n)) >= MIN_SEEN_VOXELS)

    def count(self, thing: PlacedObject) -> int:
        """Voxels that the recording shows of ``thing``."""
        return self.voxels.get(thing.instance_id, 0)
