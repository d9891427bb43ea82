"""A recorded room as the benchmark sees it: its map, and what each voxel of the map truly is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mllm_for3d_ros.lifting.lift_scene import LiftScene, prepare_scene
from mllm_for3d_ros.rooms.recording import GroundTruth, RoomsRecording
from mllm_for3d_ros.rooms.seen_things import SeenThings
from mllm_for3d_ros.scene.offline import fuse_frames
from mllm_for3d_ros.scene.voxel_map import voxel_keys
from mllm_for3d_ros.types import Frame, SceneCloud

VOXEL_SIZE = 0.025


@dataclass(frozen=True)
class MappedRoom:
    """A recorded and mapped room with its truth.

    truth: of the recording. known: [N] bool rows of the cloud that the truth tells of, class_index: [N] int32
    their true class, -1 elsewhere. instance_id: [N] int32 their true instance, 0 elsewhere.
    """

    recording: RoomsRecording
    cloud: SceneCloud
    truth: GroundTruth
    known: np.ndarray
    class_index: np.ndarray
    instance_id: np.ndarray

    @property
    def seed(self) -> int:
        """Of the room."""
        return self.recording.seed

    @property
    def present(self) -> tuple[str, ...]:
        """Classes that the room holds."""
        return self.recording.room.classes

    @property
    def seen(self) -> tuple[str, ...]:
        """Classes that the recording shows well enough to be asked for."""
        return SeenThings.of(self.recording.room, self.truth).classes

    @cached_property
    def frames(self) -> list[Frame]:
        """All views of the recording."""
        return list(self.recording)

    @cached_property
    def lift_scene(self) -> LiftScene:
        """Superpoints of the map and what each of ``frames`` sees of it, found once for all that lift."""
        return prepare_scene(self.cloud.points, self.cloud.normals, self.cloud.colors, self.frames)


def map_room(seed: int, frames: int = 60, voxel_size: float = VOXEL_SIZE) -> MappedRoom:
    """Record the room of ``seed`` and map it offline."""
    recording = RoomsRecording(seed, frames)
    cloud = fuse_frames(recording, voxel_size=voxel_size)
    truth = recording.ground_truth(voxel_size)
    row = align(truth, cloud)
    known = row >= 0
    class_index, instance_id = np.full(len(cloud), -1, np.int32), np.zeros(len(cloud), np.int32)
    class_index[known], instance_id[known] = truth.class_index[row[known]], truth.instance_id[row[known]]
    return MappedRoom(recording, cloud, truth, known, class_index, instance_id)


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
