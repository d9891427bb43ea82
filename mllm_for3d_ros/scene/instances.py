"""A mask over the map split into objects: connected voxels, each with an upright box."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from mllm_for3d_ros.scene.components import connected_labels
from mllm_for3d_ros.types import Instance

DEFAULT_GAP = 0.08
DEFAULT_MIN_POINTS = 20


def upright_box(points: np.ndarray, padding: float = 0.0) -> tuple[np.ndarray, float, np.ndarray]:
    """The upright box of least ground area around points.

    Args:
        points: [N, 3] metres, N >= 1.
        padding: metres added to each extent (the size of a voxel, as its centre stands for it).

    Returns:
        center [3] float64 m, yaw in radians of the longest horizontal side, in (-pi/2, pi/2], and size
        [3] float64 m along the axes of the box, size[0] >= size[1].

    Source: H. Freeman and R. Shapira, Determining the minimum-area encasing rectangle, 1975: one side
    of the rectangle lies on a side of the convex hull.
    """
    points = np.asarray(points, dtype=np.float64)
    ground = points[:, :2]
    middle = ground.mean(axis=0)
    corners = _hull(ground - middle)
    edges = np.roll(corners, -1, axis=0) - corners
    angles = np.unique(np.arctan2(edges[:, 1], edges[:, 0]) % (np.pi / 2)) if len(corners) > 1 else np.zeros(1)
    cos, sin = np.cos(angles), np.sin(angles)
    along = corners @ np.stack([cos, sin])  # [corners, angles]
    across = corners @ np.stack([-sin, cos])
    low, high = np.stack([along.min(0), across.min(0)]), np.stack([along.max(0), across.max(0)])
    extent = high - low + padding
    best = int(np.argmin(extent[0] * extent[1]))
    c, s = cos[best], sin[best]
    mid = (low[:, best] + high[:, best]) / 2
    yaw, (length, width) = float(angles[best]), extent[:, best]
    if width > length:
        yaw, length, width = yaw + np.pi / 2, width, length
    bottom, top = points[:, 2].min(), points[:, 2].max()
    center = np.array([middle[0] + c * mid[0] - s * mid[1], middle[1] + s * mid[0] + c * mid[1], (bottom + top) / 2])
    if yaw > np.pi / 2:
        yaw -= np.pi
    return center, yaw, np.array([length, width, top - bottom + padding])


def _hull(ground: np.ndarray) -> np.ndarray:
    """Corners of the convex hull in order; of points in a line the two ends, of one place that one."""
    spread = ground - ground[0]
    far = ground[int(np.argmax((spread**2).sum(axis=1)))]
    direction = far - ground[0]
    length = float(np.hypot(*direction))
    if length < 1e-9:
        return ground[:1]
    offset = spread @ np.array([-direction[1], direction[0]]) / length
    if np.ptp(offset) > 1e-9 * max(1.0, length):
        try:
            return ground[ConvexHull(ground).vertices]
        except QhullError:  # so thin that it is a line to qhull
            pass
    position = spread @ direction
    return ground[[int(np.argmin(position)), int(np.argmax(position))]]


def split_instances(
    points: np.ndarray,
    mask: np.ndarray,
    probability: np.ndarray,
    min_points: int = DEFAULT_MIN_POINTS,
    gap: float = DEFAULT_GAP,
    voxel_size: float = 0.025,
    label: str = "",
) -> tuple[Instance, ...]:
    """Objects of a mask.

    Args:
        points: [N, 3] float32 metres, rows of a SceneCloud.
        mask: [N] bool, the chosen voxels.
        probability: [N] float32 in 0..1.
        min_points: smaller fragments are dropped, unless all are so small: then the largest stays.
        gap: metres within which voxels belong to one object; at least twice the voxel size.
        voxel_size: metres added to the extents of boxes, as points stand for voxels.
        label: class name that the instances carry.

    Returns:
        Instances by falling score times number of voxels; their indices rise.

    Raises:
        ValueError: mask or probability does not have a row per point.
    """
    if mask.shape != (len(points),) or probability.shape != (len(points),):
        raise ValueError(f"mask {mask.shape} and probability {probability.shape} must have {len(points)} rows")
    rows = np.flatnonzero(mask)
    if not len(rows):
        return ()
    labels = connected_labels(points[rows], max(gap, 2.0 * voxel_size))
    sizes = np.bincount(labels)
    kept = np.flatnonzero(sizes >= min_points)
    if not len(kept):
        kept = np.array([int(np.argmax(sizes))])
    found = []
    for cluster in kept:
        indices = rows[labels == cluster].astype(np.int64)
        center, yaw, size = upright_box(points[indices], voxel_size)
        score = float(np.mean(probability[indices], dtype=np.float64))
        found.append(Instance(indices, center, yaw, size, score, label))
    return tuple(sorted(found, key=lambda one: (-one.score * len(one.indices), int(one.indices[0]))))
