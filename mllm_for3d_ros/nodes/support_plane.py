"""The plane that an object stands on, read off the map around its foot."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.types import Instance, SceneCloud

_LEVEL = 0.9  # vertical part of the normal of a voxel that something may stand on, and of the plane
_MARGIN_M = 0.15  # around the box: what lies under an object is hidden by it
_REACH_M = 0.1  # between the object's lowest voxels and the plane
_FOOT = 2.0  # percentile of heights that counts as lowest, so that a stray voxel is none
_LEAST = 12  # voxels that make a plane


def support_plane(cloud: SceneCloud, instance: Instance) -> np.ndarray | None:
    """The plane below an instance.

    Args:
        cloud: the map, z up.
        instance: of which the voxels and the box count.

    Returns:
        [4] float64 a, b, c, d of the plane a x + b y + c z + d = 0 with unit normal upward, or None where no level
        surface is seen around the instance's foot.
    """
    foot = float(np.percentile(cloud.points[instance.indices, 2], _FOOT)) - cloud.voxel_size / 2
    near = np.abs(cloud.points[:, 2] - foot) <= _REACH_M
    near &= np.abs(cloud.normals[:, 2]) >= _LEVEL
    near[instance.indices] = False
    rows = np.flatnonzero(near)
    points = cloud.points[rows].astype(np.float64)
    points = points[_below(points, instance)]
    points = points[np.abs(points[:, 2] - np.median(points[:, 2])) <= cloud.voxel_size] if len(points) else points
    return _plane(points) if len(points) >= _LEAST else None


def _below(points: np.ndarray, instance: Instance) -> np.ndarray:
    """[N] bool: which points lie over or beside the ground of the box."""
    offset = points[:, :2] - instance.center[:2]
    cos, sin = np.cos(instance.yaw), np.sin(instance.yaw)
    along, across = np.abs(offset @ [cos, sin]), np.abs(offset @ [-sin, cos])
    half = instance.size[:2] / 2 + _MARGIN_M
    return np.asarray((along <= half[0]) & (across <= half[1]))


def _plane(points: np.ndarray) -> np.ndarray | None:
    """The least-squares plane through points [N, 3]; None if it is not level, or they lie in a line."""
    middle = points.mean(axis=0)
    _, spread, axes = np.linalg.svd(points - middle, full_matrices=False)
    normal = axes[2] * np.sign(axes[2, 2])
    if abs(normal[2]) < _LEVEL or spread[1] < 1e-6:
        return None
    return np.append(normal, -normal @ middle)
