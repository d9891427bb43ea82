"""Connected components of points: who is reached from whom by steps no longer than a gap."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mllm_for3d_ros.scene.union_find import renumbered, root

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
    keys, strides = _keys(points, 0.999 * gap / np.sqrt(3))
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    bounds = np.r_[starts, len(points)]
    table = np.full(1 << int(4 * len(starts)).bit_length(), -1, dtype=np.int32)
    parent = _join_cells(points[order], ordered[starts], bounds, _STEPS @ strides, table, gap * gap)
    roots = np.empty(len(points), dtype=np.int64)
    roots[order] = np.repeat(parent, np.diff(bounds))
    numbers: np.ndarray = renumbered(roots)
    return numbers


def _steps() -> np.ndarray:
    """[62, 3] steps to half of the cells within reach, the near ones first."""
    around = np.arange(-_REACH, _REACH + 1)
    steps = np.stack(np.meshgrid(around, around, around, indexing="ij"), -1).reshape(-1, 3)
    steps = steps[(steps * [25, 5, 1]).sum(axis=1) > 0]
    return steps[np.argsort((steps**2).sum(axis=1), kind="stable")]


_STEPS = _steps()


@njit(**_OPTIONS)
def _keys(points, edge):  # type: ignore[no-untyped-def]
    """Keys [N] int64 of the cells of an ``edge`` m that ``points`` lie in, and what a step along each axis adds."""
    low, high = points[0].copy(), points[0].copy()
    for i in range(len(points)):
        for axis in range(3):
            low[axis] = min(low[axis], points[i, axis])
            high[axis] = max(high[axis], points[i, axis])
    strides = np.ones(3, np.int64)
    for axis in (1, 0):
        strides[axis] = strides[axis + 1] * (int(math.floor((high[axis + 1] - low[axis + 1]) / edge)) + 2 * _REACH + 1)
    keys = np.empty(len(points), np.int64)
    for i in range(len(points)):
        key = np.int64(0)
        for axis in range(3):
            key += (int(math.floor((points[i, axis] - low[axis]) / edge)) + _REACH) * strides[axis]
        keys[i] = key
    return keys, strides


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
