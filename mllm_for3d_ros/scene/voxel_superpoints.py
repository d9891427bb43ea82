"""Superpoints of voxels of which is known who touches whom: several times quicker than looking for neighbours.

The criterion is that of ``superpoints``. Voxels come in groups that are cut one by one, so that all that is read of a
group stays in the cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mllm_for3d_ros.scene.superpoints import MIN_SIZE, OPTIONS, TOLERANCE, in_steps, joined, weight_between
from mllm_for3d_ros.scene.union_find import renumbered

_DIGIT = 256
"""Values of half a step number, by which edges are sorted twice."""


def voxel_superpoints(
    points: np.ndarray, normals: np.ndarray, colors: np.ndarray, ahead: np.ndarray, bounds: np.ndarray, spacing: float
) -> np.ndarray:
    """Superpoints of N voxels in G groups.

    Args:
        points: [N, 3] float32 m.
        normals: [N, 3] float32 unit, or zero where unknown: those are taken from the voxels that touch.
        colors: [N, 3] uint8.
        ahead: [N, K] int32 later rows of the same group that touch each voxel, -1 for none: every pair that touches is
            named once.
        bounds: [G + 1] int64 first row of each group, and N.
        spacing: m between voxels.

    Returns:
        [N] int32 number of the superpoint of each voxel, from 0 by their first voxel.
    """
    known = _normals_around(np.ascontiguousarray(normals, np.float32), ahead)
    shades = colors.astype(np.float32) / 255.0
    looks = points, known, shades
    numbers: np.ndarray = renumbered(
        _cut_groups(looks, ahead, bounds, np.float32(spacing), np.float32(TOLERANCE), MIN_SIZE)
    )
    return numbers


@njit(**OPTIONS)
def _normals_around(normals, ahead):  # type: ignore[no-untyped-def]
    """``normals`` with the zero rows replaced by the mean direction of the voxels that touch."""
    count = len(normals)
    missing = np.empty(count, np.bool_)
    for i in range(count):
        missing[i] = normals[i, 0] == 0 and normals[i, 1] == 0 and normals[i, 2] == 0
    if not missing.any():
        return normals
    filled = normals.copy()
    for i in range(count):
        for j in ahead[i]:
            if j >= 0 and (missing[i] or missing[j]):
                for axis in range(3):
                    if missing[i]:
                        filled[i, axis] += normals[j, axis]
                    if missing[j]:
                        filled[j, axis] += normals[i, axis]
    for i in range(count):
        if missing[i]:
            length = np.sqrt(filled[i, 0] ** 2 + filled[i, 1] ** 2 + filled[i, 2] ** 2)
            for axis in range(3):
                filled[i, axis] /= max(length, np.float32(1e-6))
    return filled


@njit(**OPTIONS)
def _edges_ahead(looks, ahead, first, end, spacing):  # type: ignore[no-untyped-def]
    """Ends, counted from ``first``, and weight of every edge between rows ``first`` to ``end`` - 1."""
    points, normals, colors = looks
    room = (end - first) * ahead.shape[1]
    a, b, weights = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.float32)
    used = 0
    for i in range(first, end):
        for j in ahead[i]:
            if j >= 0:
                a[used], b[used] = i - first, j - first
                weights[used] = weight_between(points, normals, colors, spacing, i, j)
                used += 1
    return a[:used], b[:used], weights[:used]


@njit(**OPTIONS)
def _ranked(steps):  # type: ignore[no-untyped-def]
    """[E] uint32 order that sorts ``steps`` [E] uint16, stable: by the lower half, then by the upper."""
    lower, upper = np.zeros(_DIGIT + 1, np.uint32), np.zeros(_DIGIT + 1, np.uint32)
    for step in steps:
        lower[np.uint32(step & (_DIGIT - 1)) + np.uint32(1)] += np.uint32(1)
        upper[np.uint32(step >> 8) + np.uint32(1)] += np.uint32(1)
    for digit in range(_DIGIT):
        lower[digit + 1] += lower[digit]
        upper[digit + 1] += upper[digit]
    by_lower, order = np.empty(steps.size, np.uint32), np.empty(steps.size, np.uint32)
    for edge in range(steps.size):
        half = np.uint32(steps[edge] & (_DIGIT - 1))
        by_lower[lower[half]] = edge
        lower[half] += np.uint32(1)
    for place in range(steps.size):
        ranked = by_lower[place]
        half = np.uint32(steps[ranked] >> 8)
        order[upper[half]] = ranked
        upper[half] += np.uint32(1)
    return order


@njit(**OPTIONS)
def _cut_groups(looks, ahead, bounds, spacing, tolerance, min_size):  # type: ignore[no-untyped-def]
    """[N] int64 root of each voxel."""
    roots = np.empty(len(ahead), np.int64)
    for group in range(bounds.size - 1):
        first, end = bounds[group], bounds[group + 1]
        a, b, weights = _edges_ahead(looks, ahead, first, end, spacing)
        found = joined(_ranked(in_steps(weights)), a, b, weights, end - first, tolerance, min_size)
        for i in range(first, end):
            roots[i] = first + found[i - first]
    return roots
