"""Superpoints: small pieces of the map that hardly ever belong to two objects.

A graph of nearest neighbours is cut by the criterion of Felzenszwalb and Huttenlocher (Efficient
graph-based image segmentation, IJCV 2004): two pieces are joined where the edge between them is no
heavier than what they bear inside, plus a tolerance that shrinks with their size. An edge is heavy where
normals turn, more so in a concave fold than over a convex one (objects meet in concave folds; Stein et
al., Object partitioning using local convexity, CVPR 2014), where colours differ, and where it is long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from mllm_for3d_ros.scene.union_find import renumbered, root

NEIGHBOURS = 8
"""Neighbours of a point in the graph."""
TOLERANCE = 1.2
"""k of the criterion, in units of edge weight times points: larger gives larger pieces."""
MIN_SIZE = 20
"""Pieces with fewer points join the neighbour that they differ least from."""
_FLAT = 0.6  # weight of a right angle over a convex edge, against 1 in a concave fold
_COLOR = 4.0  # of black against white
_LENGTH = 0.2  # of an edge one typical spacing longer than the typical one
_COLOR_NOISE = 0.02  # share of the range of colours that counts as no difference
_ANGLE_NOISE = 0.02  # 1 - cos of about 11 degrees: normals of voxels are no better
_STEPS = 4096.0  # edge weights are sorted in steps of 1 / _STEPS
OPTIONS = {"cache": True, "nogil": True}
"""How the kernels are compiled."""


@dataclass(frozen=True)
class Superpoints:
    """Pieces of a cloud and which of them touch.

    labels: [N] int32 piece of each point, numbered from 0 by their first point. sizes: [S] int64 points.
    pairs: [E, 2] int32 pieces a < b that an edge of the graph joins. contact: [E] float32 how many edges do.
    difference: [E] float32 their mean weight, 0 where nothing tells the pieces apart. spacing: m between
    neighbouring points.
    """

    labels: np.ndarray
    sizes: np.ndarray
    pairs: np.ndarray
    contact: np.ndarray
    difference: np.ndarray
    spacing: float

    def __len__(self) -> int:
        return len(self.sizes)


def superpoints(points: np.ndarray, normals: np.ndarray, colors: np.ndarray, *, min_size: int = MIN_SIZE) -> np.ndarray:
    """[N] int32 number of the superpoint of each point; see ``segment``."""
    return segment(points, normals, colors, min_size=min_size).labels


def segment(points: np.ndarray, normals: np.ndarray, colors: np.ndarray, *, min_size: int = MIN_SIZE) -> Superpoints:
    """Cut a cloud into superpoints.

    Args:
        points: [N, 3] float32 m, of about even spacing (voxels).
        normals: [N, 3] float32 unit, or zero where unknown: those are taken from the neighbours.
        colors: [N, 3] uint8.
        min_size: least number of points of a superpoint; only pieces that no edge of the graph leaves
            stay smaller.

    Returns:
        The same pieces for the same input.

    Raises:
        ValueError: normals or colours do not have a row per point, or min_size is below 1.
    """
    count = len(points)
    if normals.shape != (count, 3) or colors.shape != (count, 3) or min_size < 1:
        raise ValueError(
            f"expected {count} normals and colours and min_size of at least 1, "
            f"got {normals.shape}, {colors.shape}, {min_size}"
        )
    if count <= 2:
        return _one_piece(count)
    order = spatial_order(points)
    xyz = np.ascontiguousarray(points[order], np.float32)
    near, squared = neighbours(xyz, min(NEIGHBOURS + 1, count))
    known = _fill_normals(np.ascontiguousarray(normals[order], np.float32), xyz, near)
    spacing = max(float(np.sqrt(np.median(squared[:, 1]))), 1e-6)
    a, b, weights = _edges(xyz, known, colors[order].astype(np.float32) / 255.0, near, np.float32(spacing))
    roots = _cut(a, b, weights, count, min_size)
    unordered = np.empty(count, np.int64)
    unordered[order] = roots
    labels = renumbered(unordered)
    sorted_labels = labels[order]
    return Superpoints(labels, np.bincount(labels), *_contacts(sorted_labels[a], sorted_labels[b], weights), spacing)


def _cut(a: np.ndarray, b: np.ndarray, weights: np.ndarray, count: int, min_size: int) -> np.ndarray:
    """[N] int64 root of each of ``count`` points after cutting the graph of edges a, b [E] with ``weights`` [E]."""
    ranked = np.argsort(in_steps(weights), kind="stable")
    roots: np.ndarray = joined(ranked, a, b, weights, count, np.float32(TOLERANCE), min_size)
    return roots


def _one_piece(count: int) -> Superpoints:
    """All of the ``count`` points in one piece, for clouds too small for a graph."""
    nothing = np.zeros(0, np.float32)
    sizes = np.full(min(count, 1), count, np.int64)
    return Superpoints(np.zeros(count, np.int32), sizes, np.zeros((0, 2), np.int32), nothing, nothing, 1.0)


def _contacts(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of touching pieces, number of edges between them and the mean weight of those, from edges [K]."""
    crossing = a != b
    low, high = np.minimum(a, b)[crossing].astype(np.int64), np.maximum(a, b)[crossing]
    packed, group = np.unique((low << 32) | high, return_inverse=True)
    contact = np.bincount(group, minlength=len(packed)).astype(np.float32)
    mean = np.bincount(group, weights[crossing], minlength=len(packed)) / np.maximum(contact, 1)
    return np.stack([packed >> 32, packed & 0xFFFFFFFF], 1).astype(np.int32), contact, mean.astype(np.float32)


def neighbours(points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows [N, count] uint32 of the nearest points, itself first, and the squared distances [N, count]."""
    import pgeof  # only needed here, and slow to import

    near, squared = pgeof.knn_search(points, points, count)
    return near, squared


def spatial_order(points: np.ndarray) -> np.ndarray:
    """[N] rows in an order in which near points are near in memory: blocks of a coarse grid, then row by row."""
    span = np.ptp(points, axis=0).max()
    cells = np.floor((points - points.min(axis=0)) / max(span / 1023.0, 1e-6)).astype(np.int64)
    blocks = cells >> 4
    coarse = (blocks[:, 0] << 12) | (blocks[:, 1] << 6) | blocks[:, 2]
    inside = ((cells[:, 0] & 15) << 8) | ((cells[:, 1] & 15) << 4) | (cells[:, 2] & 15)
    return np.argsort((coarse << 12) | inside, kind="stable")


def _fill_normals(normals: np.ndarray, points: np.ndarray, near: np.ndarray) -> np.ndarray:
    """``normals`` with the zero rows replaced by the flattest direction of the points around."""
    missing = np.flatnonzero(~normals.any(axis=1))
    if len(missing):
        import pgeof

        rows = np.ascontiguousarray(near[missing]).ravel()
        bounds = np.arange(0, len(rows) + 1, near.shape[1], dtype=np.uint32)
        normals[missing] = pgeof.compute_features(points, rows, bounds, k_min=3)[:, 4:7]
    return normals


@njit(inline="always")
def weight_between(points, normals, colors, spacing, i, j):  # type: ignore[no-untyped-def]
    """Weight of the edge between rows ``i`` and ``j``; see the head of this module."""
    dot, fold, color, length = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for axis in range(3):
        step = points[j, axis] - points[i, axis]
        dot += normals[i, axis] * normals[j, axis]
        fold += (normals[j, axis] - normals[i, axis]) * step
        color = max(color, abs(colors[i, axis] - colors[j, axis]))
        length += step * step
    turn = max(np.float32(0), np.float32(1 - _ANGLE_NOISE) - dot)
    if fold > 0:
        turn *= np.float32(_FLAT)
    shade = max(np.float32(0), color - np.float32(_COLOR_NOISE))
    stretch = max(np.float32(0), np.sqrt(length) / spacing - np.float32(1.8))
    return turn + np.float32(_COLOR) * shade + np.float32(_LENGTH) * stretch


@njit(**OPTIONS)
def _edges(points, normals, colors, near, spacing):  # type: ignore[no-untyped-def]
    """Ends a < b and weight of every edge of the graph, once each where both ends name it."""
    count, degree = near.shape
    room = count * (degree - 1)
    a, b, weights = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.float32)
    used = 0
    for i in range(count):
        for k in range(1, degree):
            j = np.int64(near[i, k])
            if j == i:
                continue
            if j < i:
                named = False
                for m in range(1, degree):
                    named |= near[j, m] == i
                if named:
                    continue
            a[used], b[used] = min(i, j), max(i, j)
            weights[used] = weight_between(points, normals, colors, spacing, i, j)
            used += 1
    return a[:used], b[:used], weights[:used]


@njit(**OPTIONS)
def in_steps(weights):  # type: ignore[no-untyped-def]
    """[E] uint16 ``weights`` in whole steps, which are quick to sort."""
    steps = np.empty(weights.size, np.uint16)
    for i in range(weights.size):
        steps[i] = np.uint16(min(weights[i] * np.float32(_STEPS), np.float32(65535)))
    return steps


@njit(**OPTIONS)
def joined(ranked, a, b, weights, count, tolerance, min_size):  # type: ignore[no-untyped-def]
    """[count] int64 root of each point after joining along the edges ``a``, ``b`` [E], ``ranked`` by weight."""
    parent = np.arange(count)
    size = np.ones(count, np.int64)
    bearable = np.full(count, tolerance, np.float32)
    left, kept_apart = np.empty_like(ranked), 0
    for edge in ranked:
        if parent[a[edge]] == parent[b[edge]]:
            continue
        x, y = root(parent, a[edge]), root(parent, b[edge])
        if x == y:
            continue
        if weights[edge] <= bearable[x] and weights[edge] <= bearable[y]:
            if size[x] < size[y]:
                x, y = y, x
            parent[y] = x
            size[x] += size[y]
            bearable[x] = weights[edge] + tolerance / np.float32(size[x])
        else:
            left[kept_apart] = edge
            kept_apart += 1
    for i in range(count):
        parent[i] = root(parent, i)
    for edge in left[:kept_apart]:
        if parent[a[edge]] == parent[b[edge]]:
            continue
        x, y = root(parent, a[edge]), root(parent, b[edge])
        if x != y and (size[x] < min_size or size[y] < min_size):
            if size[x] < size[y]:
                x, y = y, x
            parent[y] = x
            size[x] += size[y]
    for i in range(count):
        parent[i] = root(parent, i)
    return parent


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this module."""
    points = np.arange(12, dtype=np.float32).reshape(4, 3)
    segment(points, np.zeros_like(points), np.zeros((4, 3), np.uint8))
