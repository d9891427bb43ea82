"""Superpoints of the student's voxels, tile by tile: what an answer is smoothed over.

No piece reaches from one tile into another, and a tile is segmented from the rounded inputs of its voxels in the
order of their keys. So its pieces depend on nothing else, a change costs the tiles that it lies in, and an update
gives what a full pass gives.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mllm_for3d_ros.scene.voxel_superpoints import voxel_superpoints
from mllm_for3d_ros.student.cells import STUDENT_VOXEL, Cells
from mllm_for3d_ros.student.grids import GridTree, neighbours_of
from mllm_for3d_ros.student.key_table import OPTIONS, KeyTable, grown, pack, unpack

TILE_LEVEL = 5
"""Level of the grids whose cells are the tiles: 32 voxels or 1.6 m wide."""
_ITSELF = 13
"""Column of a voxel among its 27 neighbours."""
KEPT = 0.6
"""Share of its own value that a voxel keeps at least when it is smoothed: a cup is smaller than any piece."""
_INSIDE = (1 << TILE_LEVEL) - 1
_TILE_BITS = 21 - TILE_LEVEL


@njit(**OPTIONS)
def _tile_major(keys):  # type: ignore[no-untyped-def]
    """[n] int64: ``keys`` with the bits of the tile before those of the place in it."""
    found = np.empty(keys.size, np.int64)
    for i in range(keys.size):
        tile, inside = np.int64(0), np.int64(0)
        for shift in (42, 21, 0):
            cell = (keys[i] >> shift) & ((1 << 21) - 1)
            tile = tile << _TILE_BITS | cell >> TILE_LEVEL
            inside = inside << TILE_LEVEL | cell & _INSIDE
        found[i] = tile << 3 * TILE_LEVEL | inside
    return found


@njit(**OPTIONS)
def _ahead_in_tile(rows, places, touching, place):  # type: ignore[no-untyped-def]
    """[n, 13] int32: for each of ``rows`` those that touch it and come later, by place in ``rows``, -1 for none.

    ``places`` [n], rising, are the tile-major keys: who is in another tile does not count, and in a tile who has the
    greater key comes later. ``place`` is left as it was.
    """
    count = rows.size
    ahead = np.empty((count, 26 - _ITSELF), np.int32)
    for i in range(count):
        place[rows[i]] = i
    for i in range(count):
        tile, row = places[i] >> 3 * TILE_LEVEL, rows[i]
        for k in range(_ITSELF + 1, 27):
            other = place[touching[row, k]]
            near = other >= 0 and places[other] >> 3 * TILE_LEVEL == tile
            ahead[i, k - _ITSELF - 1] = other if near else -1
    for i in range(count):
        place[rows[i]] = -1
    return ahead


@njit(**OPTIONS)
def _normals_and_colors(inputs):  # type: ignore[no-untyped-def]
    """Unit (or zero) normals [n, 3] float32 and colours [n, 3] uint8 of ``inputs`` [n, 8]."""
    normals, colors = np.empty((len(inputs), 3), np.float32), np.empty((len(inputs), 3), np.uint8)
    for i in range(len(inputs)):
        length = np.float32(0)
        for axis in range(3):
            length += inputs[i, 3 + axis] ** 2
            shade = (inputs[i, axis] + np.float32(1)) * np.float32(127.5)
            colors[i, axis] = np.uint8(min(max(shade, np.float32(0)), np.float32(255)))
        length = max(np.sqrt(length), np.float32(1e-6))
        for axis in range(3):
            normals[i, axis] = inputs[i, 3 + axis] / length
    return normals, colors


@njit(**OPTIONS)
def _first_of_label(labels):  # type: ignore[no-untyped-def]
    """[n] int64: the first voxel that has the label of each."""
    first = np.full(labels.size, -1, np.int64)
    found = np.empty(labels.size, np.int64)
    for i in range(labels.size):
        if first[labels[i]] < 0:
            first[labels[i]] = i
        found[i] = first[labels[i]]
    return found


class Pieces:
    """of: [capacity] int32 by cell, a cell that stands for its piece; 0 where there is no voxel."""

    def __init__(self) -> None:
        self.of = np.zeros(1, np.int32)
        self._place = np.full(1, -1, np.int32)

    def reached(self, cells: Cells, tree: GridTree, changed: np.ndarray) -> np.ndarray:
        """[n] int64 cells in the tiles of the voxels ``changed`` [K] int64: what is to be segmented again."""
        if np.count_nonzero(cells.kept[changed]) == np.count_nonzero(cells.kept):
            return np.arange(1, len(cells))
        rows = changed
        for level in range(1, TILE_LEVEL + 1):
            rows = tree.above(level, rows)
        for level in range(TILE_LEVEL - 1, -1, -1):
            rows = tree.below(level, rows)
        return rows

    def segment(self, cells: Cells, touching: np.ndarray, reached: np.ndarray) -> np.ndarray:
        """Segment all voxels of some tiles again; returns them, [n] int64, rising.

        Args:
            cells: the map.
            touching: [capacity, 27], see ``GridTree.neighbours``.
            reached: see there.
        """
        self.of = grown(self.of, len(cells.table.keys))
        self._place = grown(self._place, len(cells.table.keys), -1)
        voxels = reached[cells.kept[reached]]
        self.of[voxels] = _segmented(voxels, cells.table.keys[voxels], cells.inputs(voxels), touching, self._place)
        return voxels


def pieces_of(coords: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """[M] int64 voxel that stands for the superpoint of each voxel of a scene.

    Args:
        coords: [M, 3] int32.
        inputs: [M, 8], see ``Cells.inputs``.
    """
    table = KeyTable()
    rows = table.find_or_add(pack(coords)).astype(np.int64)
    place = np.full(len(table.keys), -1, np.int32)
    inputs = np.asarray(inputs, np.float32)
    return _segmented(rows, table.keys[rows], inputs, neighbours_of(table), place) - 1


def _segmented(
    rows: np.ndarray, keys: np.ndarray, inputs: np.ndarray, touching: np.ndarray, place: np.ndarray
) -> np.ndarray:
    """[n] int64: for each of ``rows``, all voxels of some tiles, the first row of its superpoint.

    Args:
        rows: [n] int64 of the tables.
        keys: [n] int64 of them.
        inputs: [n, 8] float32.
        touching: [capacity, 27], see ``GridTree.neighbours``.
        place: [capacity] of -1, given back as it came.
    """
    places = _tile_major(keys)
    order = np.argsort(places)
    ordered, inputs = rows[order], inputs[order]
    ahead = _ahead_in_tile(ordered, places[order], touching, place)
    points = ((unpack(keys[order]) + 0.5) * STUDENT_VOXEL).astype(np.float32)
    normals, colors = _normals_and_colors(inputs)
    tiles = places[order] >> 3 * TILE_LEVEL
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(tiles)) + 1, [len(tiles)]])
    labels = voxel_superpoints(points, normals, colors, ahead, bounds, STUDENT_VOXEL)
    first = np.empty_like(rows)
    first[order] = ordered[_first_of_label(labels)]
    return first


class Smoothing:
    """Takes means over pieces, but leaves a voxel ``KEPT`` of what it had.

    Args:
        pieces: [M] integers, equal in one piece.
        voxels: [M] int64 where the voxels are among the values; None: the values are theirs.
    """

    def __init__(self, pieces: np.ndarray, voxels: np.ndarray | None = None) -> None:
        _, self._numbers, counts = np.unique(pieces, return_inverse=True, return_counts=True)
        self._sizes = counts.astype(np.float32)
        self._voxels = np.arange(len(pieces)) if voxels is None else voxels

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """``values`` [V] float32, not negative, smoothed at the voxels."""
        smoothed: np.ndarray = _smoothed(values, self._voxels, self._numbers, self._sizes)
        return smoothed


@njit(**OPTIONS)
def _smoothed(values, voxels, numbers, sizes):  # type: ignore[no-untyped-def]
    total = np.zeros(sizes.size, np.float64)
    for i in range(voxels.size):
        total[numbers[i]] += values[voxels[i]]
    total /= sizes
    smoothed = values.copy()
    for i in range(voxels.size):
        smoothed[voxels[i]] = max(total[numbers[i]], KEPT * values[voxels[i]])
    return smoothed
