"""Connected components of points: who is reached from whom by steps no longer than a gap."""

from __future__ import annotations

import numpy as np
from numba import njit

from mllm_for3d_ros.scene.union_find import root

_OPTIONS = {"cache": True, "nogil": True}
_REACH = 2  # cells of gap / sqrt(3): points three cells apart are farther apart than the gap


def connected_labels(points: np.ndarray, gap: float) -> np.ndarray:
    """Number of the cluster of each point; points no farther apart than ``gap`` are connected.

    Points of one cell of a grid of gap / sqrt(3) are connected by their being there, so that only pairs
    of cells are looked at, and most of those are found connected already (union-find).

    Args:
        points: [N, 3] metres, finite.
        gap: metres; twice the voxel size takes in the 26 neighbours of a voxel.

    Returns:
        [N] int32, clusters numbered from 0 by their first point.
    """
    points = np.ascontiguousarray(points, dtype=np.float64).reshape(-1, 3)
    if not len(points):
        return np.empty(0, dtype=np.int32)
    cells = np.floor((points - points.min(axis=0)) / (0.999 * gap / np.sqrt(3))).astype(np.int64) + _REACH
    size = cells.max(axis=0) + _REACH + 1
    keys = (cells[:, 0] * size[1] + cells[:, 1]) * size[2] + cells[:, 2]
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    bounds = np.r_[starts, len(points)]
    table = np.full(1 << int(4 * len(starts)).bit_length(), -1, dtype=np.int32)
    parent = _join_cells(points[order], ordered[starts], bounds, _offsets(size), table, gap * gap)
    cluster = np.empty(len(points), dtype=np.int64)
    cluster[order] = np.repeat(parent, np.diff(bounds))
    _, first, inverse = np.unique(cluster, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int32)
    rank[np.argsort(first)] = np.arange(len(first), dtype=np.int32)
    return rank[inverse]


def _offsets(size: np.ndarray) -> np.ndarray:
    """Key differences to half of the cells within reach, the near ones first."""
    around = np.arange(-_REACH, _REACH + 1)
    steps = np.stack(np.meshgrid(around, around, around, indexing="ij"), -1).reshape(-1, 3)
    steps = steps[(steps * [25, 5, 1]).sum(axis=1) > 0]
    steps = steps[np.argsort((steps**2).sum(axis=1), kind="stable")]
    return (steps[:, 0] * size[1] + steps[:, 1]) * size[2] + steps[:, 2]


@njit(**_OPTIONS)
def _slot(key, mask):  # type: ignore[no-untyped-def]
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((mixed >> np.uint64(20)) & np.uint64(mask))


@njit(**_OPTIONS)
def _touch(points, a, a_end, b, b_end, square):  # type: ignore[no-untyped-def]
    """Whether some point of rows a..a_end is within reach of one of rows b..b_end."""
    for i in range(a, a_end):
        for j in range(b, b_end):
            dx, dy, dz = points[i, 0] - points[j, 0], points[i, 1] - points[j, 1], points[i, 2] - points[j, 2]
            if dx * dx + dy * dy + dz * dz <= square:
                return True
    return False


@njit(**_OPTIONS)
def _join_cells(points, keys, bounds, offsets, table, square):  # type: ignore[no-untyped-def]
    """Root cell of each cell; ``points`` are sorted by cell, cell c has rows bounds[c]..bounds[c + 1]."""
    count = keys.size
    mask = table.size - 1
    parent = np.arange(count)
    for c in range(count):
        h = _slot(keys[c], mask)
        while table[h] >= 0:
            h = (h + 1) & mask
        table[h] = c
    for c in range(count):
        for offset in offsets:
            key = keys[c] + offset
            h = _slot(key, mask)
            while table[h] >= 0 and keys[table[h]] != key:
                h = (h + 1) & mask
            if table[h] < 0:
                continue
            other = table[h]
            a, b = root(parent, c), root(parent, other)
            if a != b and _touch(points, bounds[c], bounds[c + 1], bounds[other], bounds[other + 1], square):
                parent[max(a, b)] = min(a, b)
    for c in range(count):
        parent[c] = root(parent, c)
    return parent


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this module."""
    connected_labels(np.zeros((2, 3)), 1.0)
