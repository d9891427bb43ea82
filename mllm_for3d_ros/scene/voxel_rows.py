"""The memory of a map: rows of voxels and their table, which grow, lose rows, and go to and come from arrays."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.scene import voxel_removal as removal
from mllm_for3d_ros.scene import voxel_storage as storage

_TABLE_PER_VOXEL = 4  # table entries a voxel of storage: a load of at most 0.25
_CACHE_LINE = 64
_BYTES_PER_VOXEL = 4 * storage.ROW_FLOATS + 4 * 2 * _TABLE_PER_VOXEL  # the table's size is rounded up to a power of two
_LEAST_VOXELS = 1 << 14
RECORD = np.dtype([(name, "<u4" if name == "epoch" else "<f4") for name in storage.MAP_FIELDS])
"""Of a voxel in a map message."""
_SUMS = storage.WEIGHT + 1
_SPARE = 16  # part of the records that there is room for besides, so that a map that grows may use them again


class MapDataError(MLLMFor3DError):
    """Arrays that are no map: of wrong shape, with voxels twice, or with numbers that no map has."""


def voxels_within(mebibytes: float) -> int:
    """How many voxels a map may have that holds no more memory than this."""
    return int(mebibytes * 2**20 / _BYTES_PER_VOXEL)


class VoxelRows:
    """Rows and table as described in ``voxel_storage``; ``count`` rows are in use.

    Args:
        capacity: voxels for which room is made at first.
        limit: room is made for no more than these (at least 2^14).
    """

    def __init__(self, capacity: int, limit: int) -> None:
        self.limit = max(limit, _LEAST_VOXELS)
        self.count = 0
        self._allocate(min(power_of_two(capacity), self.limit), np.empty((0, storage.ROW_FLOATS), np.float32))

    def _allocate(self, capacity: int, kept: np.ndarray) -> None:
        """Room for ``capacity`` voxels, with ``kept`` [count, 16] as the first."""
        self.rows = _aligned_rows(capacity)
        self.words = self.rows.view(np.int64)
        self.table = np.full(power_of_two(capacity * _TABLE_PER_VOXEL), -1, dtype=np.int32)
        self.rows[: self.count] = kept
        storage.rehash(self.words, self.count, self.table)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return int(self.rows.nbytes + self.table.nbytes)

    def has_room(self, voxels: int) -> bool:
        """Whether so many voxels can be added as it is."""
        return self.count + voxels <= len(self.rows)

    def grow(self, voxels: int) -> bool:
        """Make room for so many more voxels; False if the limit is reached."""
        wanted = min(max(2 * len(self.rows), power_of_two(self.count + voxels)), self.limit)
        if wanted > len(self.rows):
            self._allocate(wanted, self.rows[: self.count])
        return self.has_room(voxels)

    def remove(self, doomed: np.ndarray) -> int:
        """Take out the rows that are True in ``doomed`` [count]; the last rows fill their places. Returns how many."""
        before = self.count
        self.count = removal.remove_rows(self.rows, self.words, before, self.table, doomed)
        return before - self.count

    def smallest(self, number: int, order: np.ndarray) -> np.ndarray:
        """[count] bool: the ``number`` rows whose ``order`` [count] is smallest."""
        chosen = np.zeros(self.count, dtype=np.bool_)
        chosen[np.argpartition(order, number - 1)[:number]] = True
        return chosen

    @property
    def stamps(self) -> np.ndarray:
        """[count] int64 ns: when each voxel was seen last; a view."""
        return self.words[: self.count, storage.STAMP_WORD]

    @property
    def newest_stamp(self) -> int:
        """Stamp in ns of the newest observation, 0 if there are no voxels."""
        return int(self.stamps.max()) if self.count else 0

    def means(self, voxel_size: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Points, colours, normals, weights and stamps of all voxels, as a SceneCloud has them."""
        n = self.count
        points, normals = np.empty((n, 3), dtype=np.float32), np.empty((n, 3), dtype=np.float32)
        colors, weights = np.empty((n, 3), dtype=np.uint8), np.empty(n, dtype=np.float32)
        stamps = np.empty(n, dtype=np.int64)
        storage.export(self.rows, self.words, n, voxel_size, points, colors, normals, weights, stamps)
        return points, colors, normals, weights, stamps

    def records(self, voxel_size: float, epoch: int, room: np.ndarray | None = None) -> np.ndarray:
        """[count] records of a map message, with the fields ``voxel_storage.MAP_FIELDS``.

        Args:
            voxel_size: edge of a voxel in m.
            epoch: 32 bits.
            room: [R] records; the result is the beginning of them, or where they are too few of new ones.
        """
        if room is None or len(room) < self.count:
            room = np.empty(self.count + self.count // _SPARE, RECORD)
        records = room[: self.count]
        out, newest = records.view(np.float32).reshape(self.count, len(storage.MAP_FIELDS)), self.newest_stamp
        bits = out.view(np.uint32)
        storage.pack(self.rows, self.words, self.count, voxel_size, newest, np.uint32(epoch), out, bits)
        return records

    def arrays(self) -> dict[str, np.ndarray]:
        """A copy of all voxels: keys [N] int64, sums [N, 10] float32, stamps [N] int64 ns."""
        return {
            "keys": self.words[: self.count, storage.KEY_WORD].copy(),
            "sums": self.rows[: self.count, :_SUMS].copy(),
            "stamps": self.stamps.copy(),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], capacity: int, limit: int) -> VoxelRows:
        """Rows of what ``arrays`` gave; more than ``limit`` voxels lose those that were not seen for longest.

        Raises:
            MapDataError: the arrays are no map.
        """
        keys, sums, stamps = (arrays[name] for name in ("keys", "sums", "stamps"))
        n = len(keys)
        if (keys.shape, sums.shape, stamps.shape) != ((n,), (n, _SUMS), (n,)):
            raise MapDataError(f"shapes do not fit each other: {keys.shape}, {sums.shape}, {stamps.shape}")
        if (keys.dtype, sums.dtype, stamps.dtype) != (np.int64, np.float32, np.int64):
            raise MapDataError(f"types are {keys.dtype}, {sums.dtype}, {stamps.dtype}, not int64, float32, int64")
        if not (np.isfinite(sums).all() and (sums[:, storage.WEIGHT] > 0).all()):
            raise MapDataError("sums are not finite, or weights not positive")
        if (keys < 0).any() or (stamps < 0).any():
            raise MapDataError("keys or stamps are negative")
        if not np.diff(np.sort(keys)).all():  # np.unique hashes, which takes seconds for millions
            raise MapDataError("voxels are there twice")
        if n > max(limit, _LEAST_VOXELS):
            newest = np.sort(np.argsort(-stamps, kind="stable")[:limit])
            keys, sums, stamps = keys[newest], sums[newest], stamps[newest]
        rows = cls(max(capacity, len(keys)), limit)
        rows.count = len(keys)
        rows.rows[: len(keys), :_SUMS] = sums
        rows.words[: len(keys), storage.KEY_WORD], rows.words[: len(keys), storage.STAMP_WORD] = keys, stamps
        storage.rehash(rows.words, rows.count, rows.table)
        return rows


def power_of_two(n: int) -> int:
    """The smallest power of two that is at least ``n`` and 1."""
    return 1 << max(0, n - 1).bit_length()


def _aligned_rows(capacity: int) -> np.ndarray:
    """Zeros [capacity, 16] float32 that start at a cache line."""
    size = capacity * storage.ROW_FLOATS * 4
    memory = np.zeros(size + _CACHE_LINE, dtype=np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + size].view(np.float32).reshape(capacity, storage.ROW_FLOATS)
