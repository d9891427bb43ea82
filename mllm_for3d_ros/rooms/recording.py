"""A recorded tour of a synthetic room as frames, with voxel ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.rooms.path import robot_path
from mllm_for3d_ros.rooms.pose_noise import with_pose_noise
from mllm_for3d_ros.rooms.render import Renderer
from mllm_for3d_ros.rooms.room import make_room
from mllm_for3d_ros.rooms.vocabulary import class_index
from mllm_for3d_ros.types import Frame, Intrinsics

EPOCH_NS = 1_700_000_000 * 10**9
PERIOD_NS = 200_000_000
MIN_SEEN_VOXELS = 60
"""A class of which a recording shows fewer voxels is neither asked for nor counted as absent."""
_BITS = 18  # bits of a packed voxel index along each axis
_INSTANCES = 512


@dataclass(frozen=True)
class GroundTruth:
    """What the voxels seen by a recording belong to.

    keys: [N, 3] int32 voxel indices, floor(point / voxel_size), sorted and unique. instance_id: [N]
    int32 (0 background) of most of the pixels in the voxel. class_index: [N] int32, -1 for background
    and clutter.
    """

    keys: np.ndarray
    instance_id: np.ndarray
    class_index: np.ndarray
    voxel_size: float

    def __len__(self) -> int:
        return len(self.keys)

    def class_mask(self, name: str) -> np.ndarray:
        """[N] bool: the voxels of class ``name``.

        Raises:
            VocabularyError: there is no such class.
        """
        return self.class_index == class_index(name)


@dataclass(frozen=True)
class _Shot:
    """A rendered frame in compact form: colour, depth in mm [H, W] uint16, instances [H, W] int16."""

    color: np.ndarray
    depth_mm: np.ndarray
    instance: np.ndarray


def rooms_camera(width: int = 320, height: int = 240) -> Intrinsics:
    """The camera of Rooms: 60 degrees wide, fx = 277 at 320 pixels."""
    focal = 277.0 * width / 320
    return Intrinsics(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


class RoomsRecording:
    """An iterable of Frame from a robot's tour through ``make_room(seed)``, the same each time.

    Depths are whole millimetres (float32 millimetres times float32 0.001), so a 16UC1 bag holds the
    same values. Frames are rendered when first asked for and then kept (about 0.5 MB each).

    ``pose_noise`` (m, rad) is the error (root mean square over the tour) of the poses that the frames
    carry. Images and ground truth are made with the true ``poses`` and do not change.
    """

    def __init__(
        self,
        seed: int,
        frames: int = 60,
        width: int = 320,
        height: int = 240,
        pose_noise: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        if frames < 1:
            raise ValueError(f"frames must be at least 1, got {frames}")
        self.seed = seed
        self.room = make_room(seed)
        self.intrinsics = rooms_camera(width, height)
        self._renderer = Renderer(self.room)
        self.poses = robot_path(self.room, frames, np.random.default_rng([5, seed]), self._renderer)
        self.tracked_poses = with_pose_noise(self.poses, *pose_noise, np.random.default_rng([12, seed]))
        self._shots: dict[int, _Shot] = {}

    def __len__(self) -> int:
        return len(self.poses)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Frame:
        """Frame ``index``; IndexError beyond the last."""
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of a recording with {len(self)} frames")
        shot = self._shot(index)
        depth = _metres(shot.depth_mm)
        return Frame(EPOCH_NS + index * PERIOD_NS, shot.color, depth, self.intrinsics, self.tracked_poses[index])

    @property
    def instances(self) -> list[np.ndarray]:
        """Per frame the instance image [H, W] int32, 0 background."""
        return [self._shot(index).instance.astype(np.int32) for index in range(len(self))]

    def ground_truth(self, voxel_size: float = 0.025, max_depth: float = 4.0) -> GroundTruth:
        """Majority instance of every voxel that a measured depth up to ``max_depth`` m falls into."""
        votes = [self._votes(index, voxel_size, max_depth) for index in range(len(self))]
        packed, owner = np.unique(np.concatenate([vote for vote, _ in votes]), return_inverse=True)
        count = np.bincount(owner, weights=np.concatenate([number for _, number in votes]), minlength=len(packed))
        voxel, instance = packed // _INSTANCES, packed % _INSTANCES
        order = np.lexsort((instance, -count, voxel))
        first = np.concatenate([[True], np.diff(voxel[order]) > 0]) if len(order) else np.zeros(0, bool)
        winner = order[first]
        ids = instance[winner].astype(np.int32)
        classes = np.full(_INSTANCES, -1, np.int32)
        for thing in self.room.objects:
            classes[thing.instance_id] = thing.class_index
        return GroundTruth(_unpack(voxel[winner]), ids, classes[ids], voxel_size)

    def class_mask(self, name: str, voxel_size: float = 0.025) -> np.ndarray:
        """[N] bool over the rows of ``ground_truth(voxel_size)``: the voxels of class ``name``."""
        return self.ground_truth(voxel_size).class_mask(name)

    def _shot(self, index: int) -> _Shot:
        if index not in self._shots:
            rng = np.random.default_rng([6, self.seed, index])
            view = self._renderer.render(self.poses[index], self.intrinsics, rng)
            millimetres = np.rint(view.depth * 1000).astype(np.uint16)
            self._shots[index] = _Shot(view.color, millimetres, view.instance.astype(np.int16))
        return self._shots[index]

    def _votes(self, index: int, voxel_size: float, max_depth: float) -> tuple[np.ndarray, np.ndarray]:
        """Packed (voxel, instance) of one frame's pixels and how many pixels each has."""
        shot, camera, pose = self._shot(index), self.intrinsics, self.poses[index]
        depth = _metres(shot.depth_mm)
        v, u = np.nonzero((depth > 0) & (depth <= max_depth))
        z = depth[v, u].astype(np.float64)
        points = np.column_stack([(u - camera.cx) / camera.fx * z, (v - camera.cy) / camera.fy * z, z])
        world = points @ pose[:3, :3].T + pose[:3, 3]
        voxel = _pack(np.floor(world / voxel_size).astype(np.int64))
        return np.unique(voxel * _INSTANCES + shot.instance[v, u], return_counts=True)


def _metres(depth_mm: np.ndarray) -> np.ndarray:
    return depth_mm.astype(np.float32) * np.float32(0.001)


def _pack(keys: np.ndarray) -> np.ndarray:
    """[N] int64 sortable number of each voxel index [N, 3]."""
    x, y, z = (keys[:, k] + (1 << (_BITS - 1)) for k in range(3))
    return (x << 2 * _BITS) | (y << _BITS) | z


def _unpack(packed: np.ndarray) -> np.ndarray:
    """[N, 3] int32 voxel indices of packed numbers."""
    mask, half = (1 << _BITS) - 1, 1 << (_BITS - 1)
    parts = [(packed >> shift) & mask for shift in (2 * _BITS, _BITS, 0)]
    return (np.column_stack(parts) - half).astype(np.int32)
