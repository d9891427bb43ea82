"""The fused scene: a hash of voxels with position, colour, normal, weight and last sight, within a memory budget."""

from __future__ import annotations

import threading
import uuid
from typing import NamedTuple

import numpy as np

from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.scene import voxel_kernels as kernels
from mllm_for3d_ros.scene import voxel_removal as removal
from mllm_for3d_ros.scene.steady_records import steady
from mllm_for3d_ros.scene.voxel_rows import VoxelRows
from mllm_for3d_ros.types import Frame, Intrinsics, SceneCloud

_DROPPED_SHARE = 0.1  # of the voxels, when there is no room for more
_MARGIN = (1.5, 0.02)  # depth beyond a voxel that is no noise: voxels, and share of the distance


class FrameError(MLLMFor3DError):
    """An image that does not fit its camera cannot be fused."""


def voxel_keys(points: np.ndarray, voxel_size: float) -> np.ndarray:
    """Integer cell of each point.

    Args:
        points: [N, 3] metres, map frame.
        voxel_size: edge of a voxel in metres.

    Returns:
        [N, 3] int32, ``floor(points / voxel_size)``. The points of a snapshot give distinct keys.
    """
    return np.floor(np.asarray(points, dtype=np.float64) / voxel_size).astype(np.int32)


class MapRecords(NamedTuple):
    """The records [N] of a map message, with the stamp in ns of the newest observation, and version and epoch."""

    records: np.ndarray
    newest_stamp: int
    version: int
    epoch: str


class VoxelMap:
    """Running weighted means of posed RGB-D images on a voxel grid.

    Rows stay where they are: row i of a snapshot is the same voxel in every later snapshot of the same
    epoch, but for voxels that are dropped, whose places the last rows take. Safe to use from several
    threads (fusion and snapshot exclude each other).

    Args:
        voxel_size: edge of a voxel in metres.
        min_depth, max_depth: depth in metres outside of which a pixel is ignored.
        capacity: voxels for which room is made at first; it doubles when needed.
        max_weight: the largest sum of weights; past it old observations fade.
        frame_id: name of the frame that ``camera_to_world`` maps to.
        max_voxels: room is made for no more than these (at least 2^14); a tenth is dropped when it is used up.
        drop_farthest: drop voxels far from the camera, in place of those that were not seen for long.

    Source: notes on CPU fusion in docs/architecture.md; weights 1 / (z² + 0.1).
    """

    def __init__(
        self,
        voxel_size: float = 0.025,
        min_depth: float = 0.1,
        max_depth: float = 4.0,
        capacity: int = 1 << 17,
        max_weight: float = 4096.0,
        frame_id: str = "map",
        max_voxels: int = 1 << 30,
        drop_farthest: bool = False,
    ) -> None:
        if voxel_size <= 0 or not 0 <= min_depth < max_depth or capacity < 1 or max_weight <= 0:
            raise ValueError(
                f"voxel_size, capacity and max_weight must be positive and 0 <= min_depth < max_depth, "
                f"got {voxel_size}, {capacity}, {max_weight}, {min_depth}, {max_depth}"
            )
        self.voxel_size = float(voxel_size)
        self.min_depth = float(min_depth)
        self.max_depth = float(max_depth)
        self.max_weight = float(max_weight)
        self.frame_id = frame_id
        self.drop_farthest = drop_farthest
        self._first_capacity, self._max_voxels = capacity, max_voxels
        self._lock = threading.Lock()
        self._version = 0
        self._scratch = np.zeros((0, 0), dtype=np.float32)
        self._begin(VoxelRows(capacity, max_voxels))

    def _begin(self, rows: VoxelRows) -> None:
        """Begin an epoch with these rows."""
        self._rows = rows
        self._out_of_range = self._forgotten = self._frames = 0
        self._epoch = uuid.uuid4().hex[:8]  # so short that it fits into a number of 4 bytes

    def __len__(self) -> int:
        return self._rows.count

    @property
    def version(self) -> int:
        """Grows with every change of the map, also over resets."""
        return self._version

    @property
    def epoch(self) -> str:
        """Changes when the map is reset; rows of different epochs have nothing in common."""
        return self._epoch

    @property
    def frames(self) -> int:
        """Images fused in this epoch."""
        return self._frames

    @property
    def dropped_points(self) -> int:
        """Pixels of this epoch whose point lay outside of the 2^21 voxels an axis that keys can name."""
        return self._out_of_range

    @property
    def forgotten(self) -> int:
        """Voxels of this epoch that were dropped for want of room, or because they were seen through."""
        return self._forgotten

    @property
    def newest_stamp(self) -> int:
        """Stamp in ns of the newest observation in the map, 0 if it is empty: the map's version for others."""
        with self._lock:
            return self._rows.newest_stamp

    @property
    def memory_bytes(self) -> int:
        """Bytes held by the voxels and their table."""
        return self._rows.nbytes

    def integrate(self, frame: Frame) -> int:
        """Fuse one frame; returns the number of pixels used."""
        return self.integrate_arrays(frame.color, frame.depth, frame.intrinsics, frame.camera_to_world, frame.stamp_ns)

    def integrate_arrays(
        self,
        color: np.ndarray,
        depth: np.ndarray,
        intrinsics: Intrinsics,
        camera_to_world: np.ndarray,
        stamp_ns: int,
    ) -> int:
        """Fuse one image pair.

        Args:
            color: [H, W, 3] uint8 RGB.
            depth: [H, W] float32 metres or uint16 millimetres; zero, negative and non-finite are ignored.
            intrinsics: the camera of both images.
            camera_to_world: [4, 4] rigid transform.
            stamp_ns: time of the image.

        Returns:
            The number of pixels used; 0 if no depth is valid (the map and its version do not change).

        Raises:
            FrameError: shapes or types do not fit each other, or the pose is not finite.
        """
        size = (intrinsics.height, intrinsics.width)
        if color.shape != (*size, 3) or color.dtype != np.uint8:
            raise FrameError(f"colour must be {size[0]}x{size[1]}x3 uint8 as its camera says, got {_shape(color)}")
        if depth.shape != size or depth.dtype not in (np.float32, np.uint16):
            raise FrameError(f"depth must be {size[0]}x{size[1]} float32 or uint16 like colour, got {_shape(depth)}")
        if camera_to_world.shape != (4, 4) or not np.isfinite(camera_to_world).all():
            raise FrameError("camera_to_world must be a finite 4x4 matrix; check the pose source")
        with self._lock:
            return self._integrate(color, depth, intrinsics, camera_to_world, stamp_ns)

    def _integrate(
        self, color: np.ndarray, depth: np.ndarray, intrinsics: Intrinsics, camera_to_world: np.ndarray, stamp_ns: int
    ) -> int:
        clean = self._scratch_for(*depth.shape)
        scale = np.float32(1e-3 if depth.dtype == np.uint16 else 1.0)
        valid = kernels.clean_depth(depth, scale, np.float32(self.min_depth), np.float32(self.max_depth), clean)
        if not valid:
            return 0
        pose = np.asarray(camera_to_world, dtype=np.float64)
        matrix = np.empty((3, 7), dtype=np.float32)
        matrix[:, :4] = pose[:3] / self.voxel_size
        matrix[:, 4:] = pose[:3, :3]
        camera = np.array([intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy], dtype=np.float32)
        row, used = 0, 0
        while row < depth.shape[0]:
            if not self._rows.has_room(depth.shape[1]) and not self._rows.grow(depth.shape[1]):
                self._drop(depth.shape[1], pose[:3, 3])
            rows = self._rows
            rows.count, row, fused, dropped = kernels.fuse(
                clean, color, matrix, camera, np.int64(stamp_ns), np.float32(self.max_weight),
                rows.table, rows.rows, rows.words, rows.count, row,
            )  # fmt: skip
            used += fused
            self._out_of_range += dropped
        if used:
            self._version += 1
            self._frames += 1
        return int(used)

    def _drop(self, least: int, camera: np.ndarray) -> None:
        """Drop a share of the voxels, at least ``least``: those seen longest ago, or farthest from the camera."""
        rows = self._rows
        if self.drop_farthest:
            order = -removal.distances(rows.words, rows.count, (camera / self.voxel_size).astype(np.float32))
        else:
            order = rows.stamps
        number = min(rows.count, max(least, int(_DROPPED_SHARE * rows.count)))
        self._forgotten += rows.remove(rows.smallest(number, order))

    def forget_seen_through(self, frame: Frame, looks: int = 4) -> int:
        """Drop voxels that this image and the ``looks`` - 1 before it see through, as of things that moved away.

        Call it after ``integrate``, for images far enough apart in time. A voxel that is observed between two
        looks counts from the start again. Returns the number of voxels dropped.
        """
        camera = frame.intrinsics
        values = np.array([camera.fx, camera.fy, camera.cx, camera.cy], dtype=np.float32)
        world_to_camera = np.linalg.inv(frame.camera_to_world)[:3].astype(np.float32)
        margin = np.array([_MARGIN[0] * self.voxel_size, _MARGIN[1]], dtype=np.float32)
        with self._lock:
            rows = self._rows
            doomed = removal.look_through(
                rows.rows, rows.words, rows.count, frame.depth, values, world_to_camera,
                np.float32(self.voxel_size), margin, np.float32(self.max_depth), np.float32(looks),
            )  # fmt: skip
            dropped = rows.remove(doomed) if doomed.any() else 0
            self._forgotten += dropped
            self._version += bool(dropped)
        return dropped

    def _scratch_for(self, height: int, width: int) -> np.ndarray:
        """Room for a cleaned depth image, kept from frame to frame."""
        shape = (height + 2 * kernels.BORDER, width + 2 * kernels.BORDER)
        if self._scratch.shape != shape:
            self._scratch = np.zeros(shape, dtype=np.float32)
        return self._scratch

    def snapshot(self) -> SceneCloud:
        """A copy of the map as it is now; each point lies inside its voxel (see ``voxel_keys``)."""
        with self._lock:
            means = self._rows.means(self.voxel_size)
            return SceneCloud(*means, self.voxel_size, self.frame_id, self._version, self._epoch)

    def records(self, room: np.ndarray | None = None) -> MapRecords:
        """The map as a message has it; quicker than packing a snapshot. ``room``: see ``VoxelRows.records``."""
        with self._lock:
            records = self._rows.records(self.voxel_size, int(self._epoch, 16), room)
            return MapRecords(records, self._rows.newest_stamp, self._version, self._epoch)

    def reset(self) -> None:
        """Forget everything: a new epoch begins, the version goes on."""
        with self._lock:
            self._begin(VoxelRows(self._first_capacity, self._max_voxels))
            self._version += 1

    def arrays(self) -> tuple[dict[str, np.ndarray], str]:
        """A copy of all voxels (see ``VoxelRows.arrays``), and the epoch that they are of."""
        with self._lock:
            return self._rows.arrays(), self._epoch

    def replace(self, arrays: dict[str, np.ndarray]) -> None:
        """Take voxels that ``arrays`` gave in place of all present ones: a new epoch begins, the version goes on.

        Raises:
            MapDataError: they are no map; the present one stays.
        """
        rows = VoxelRows.from_arrays(arrays, self._first_capacity, self._max_voxels)
        with self._lock:
            self._begin(rows)
            self._version += 1


def _shape(array: np.ndarray) -> str:
    return f"{'x'.join(map(str, array.shape))} {array.dtype}"


def warm_up() -> None:
    """Compile (or load from the cache) every kernel, so that the first real image is not late."""
    camera = Intrinsics(8, 8, 8.0, 8.0, 3.5, 3.5)
    color = np.zeros((8, 8, 3), dtype=np.uint8)
    small = VoxelMap(capacity=1)
    frame = Frame(0, color, np.ones((8, 8), dtype=np.float32), camera, np.eye(4))
    small.integrate(frame)
    small.forget_seen_through(frame)
    small.integrate_arrays(color, np.full((8, 8), 1000, dtype=np.uint16), camera, np.eye(4), 0)
    small.snapshot()
    records = small.records().records
    steady(records, records, small.voxel_size)
    removal.distances(small._rows.words, len(small), np.zeros(3, dtype=np.float32))
    small._rows.remove(np.zeros(len(small), dtype=np.bool_))
