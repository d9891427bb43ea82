"""Superpoints of the student's voxels, tile by tile: what an answer is smoothed over.

A tile is segmented on its own, from the rounded inputs of its voxels in the order of their keys. So its pieces
depend on nothing else, a change costs the tiles that it lies in, and an update gives what a full pass gives.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mllm_for3d_ros.scene.superpoints import voxel_superpoints
from mllm_for3d_ros.student.cells import STUDENT_VOXEL, Cells
from mllm_for3d_ros.student.grids import GridTree, neighbours_of
from mllm_for3d_ros.student.key_table import OPTIONS, KeyTable, grown, pack, unpack

TILE_LEVEL = 5
"""Level of the grids whose cells are the tiles: 32 voxels or 1.6 m wide."""
_ITSELF = 13
"""Column of a voxel among its 27 neighbours."""


@njit(**OPTIONS)
def _near_in_tile(rows, touching, place):  # type: ignore[no-untyped-def]
    """[n, 27] int32: for each of ``rows`` itself, then who touches it, by place in ``rows``; itself where nobody does.

    ``place`` is left as it was.
    """
    count = rows.size
    near = np.empty((count, 27), np.int32)
    for i in range(count):
        place[rows[i]] = i
    for i in range(count):
        near[i, 0] = i
        column = 1
        for k in range(27):
            if k != _ITSELF:
                other = place[touching[rows[i], k]]
                near[i, column] = i if other < 0 else other
                column += 1
    for i in range(count):
        place[rows[i]] = -1
    return near


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

    def update(self, cells: Cells, tree: GridTree, changed: np.ndarray) -> np.ndarray:
        """Segment the tiles of the voxels ``changed`` [K] int64 again; returns the voxels [n] in them, rising."""
        self.of = grown(self.of, len(cells.table.keys))
        self._place = grown(self._place, len(cells.table.keys), -1)
        tiles = changed
        for level in range(1, TILE_LEVEL + 1):
            tiles = tree.above(level, tiles)
        written = [self._segment(cells, tree, tiles[index : index + 1]) for index in range(len(tiles))]
        return np.sort(np.concatenate(written)) if written else np.zeros(0, np.int64)

    def _segment(self, cells: Cells, tree: GridTree, tile: np.ndarray) -> np.ndarray:
        rows = tile
        for level in range(TILE_LEVEL - 1, -1, -1):
            rows = tree.below(level, rows)
        rows = rows[cells.kept[rows]]
        rows = rows[np.argsort(cells.table.keys[rows])]
        coords = unpack(cells.table.keys[rows])
        first = _first_of_piece(rows, coords, cells.inputs(rows), tree.neighbours(0), self._place)
        self.of[rows] = rows[first]
        return rows


def pieces_of(coords: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """[M] int64 voxel that stands for the superpoint of each voxel of a scene.

    Args:
        coords: [M, 3] int32.
        inputs: [M, 8], see ``Cells.inputs``.
    """
    table = KeyTable()
    table.find_or_add(pack(coords))
    touching = neighbours_of(table)
    place = np.full(len(touching), -1, np.int32)
    order = np.lexsort(coords.T[::-1])
    _, tile = np.unique(coords[order] >> TILE_LEVEL, axis=0, return_inverse=True)
    pieces = np.empty(len(coords), np.int64)
    for one in range(int(tile.max(initial=-1)) + 1):
        members = order[tile.ravel() == one]
        first = _first_of_piece(members + 1, coords[members], inputs[members].astype(np.float32), touching, place)
        pieces[members] = members[first]
    return pieces


def _first_of_piece(
    rows: np.ndarray, coords: np.ndarray, inputs: np.ndarray, touching: np.ndarray, place: np.ndarray
) -> np.ndarray:
    """[n] int64: for each voxel of a tile the first one of its superpoint.

    Args:
        rows: [n] of the tables, in the order of their keys.
        coords: [n, 3].
        inputs: [n, 8].
        touching: [capacity, 27], see ``GridTree.neighbours``.
        place: [capacity] of -1, given back as it came.
    """
    near = _near_in_tile(rows, touching, place)
    colors = ((inputs[:, :3] + 1) * 127.5).clip(0, 255).astype(np.uint8)
    normals = inputs[:, 3:6] / np.maximum(np.linalg.norm(inputs[:, 3:6], axis=1, keepdims=True), 1e-6)
    points = ((coords + 0.5) * STUDENT_VOXEL).astype(np.float32)
    labels = voxel_superpoints(points, normals, colors, near, STUDENT_VOXEL)
    first: np.ndarray = _first_of_label(labels)
    return first


class Smoothing:
    """Takes means over pieces.

    Args:
        pieces: [M] integers, equal in one piece.
    """

    def __init__(self, pieces: np.ndarray) -> None:
        _, self._numbers, counts = np.unique(pieces, return_inverse=True, return_counts=True)
        self._sizes = counts.astype(np.float32)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """``values`` [M] float32 replaced by their mean over each piece."""
        means: np.ndarray = _mean_of_each(values, self._numbers, self._sizes)
        return means


@njit(**OPTIONS)
def _mean_of_each(values, numbers, sizes):  # type: ignore[no-untyped-def]
    total = np.zeros(sizes.size, np.float64)
    for i in range(values.size):
        total[numbers[i]] += values[i]
    total /= sizes
    means = np.empty(values.size, np.float32)
    for i in range(values.size):
        means[i] = total[numbers[i]]
    return means
