"""The plane that an object stands on, read off the map around its foot."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.types import Instance, SceneCloud

_LEVEL = 0.9  # vertical part of the normal of a voxel that something may stand on, and of the plane
_MARGIN_M = 0.15  # around the box: what lies under an object is hidden by it
_REACH_M = 0.1  # between the object's lowest voxels and the plane
_FOOT = 2.0  # percentile of heights that counts as lowest, so that a stray voxel is none
_LEAST = 12  # voxels that make a plane


class LevelVoxels:
    """The voxels of a map that something may stand on: those whose normal is upright. z is up."""

    def __init__(self, cloud: SceneCloud) -> None:
        self._cloud = cloud
        self._rows = np.flatnonzero(np.abs(cloud.normals[:, 2]) >= _LEVEL)
        self._heights = cloud.points[self._rows, 2]

    def plane_under(self, instance: Instance) -> np.ndarray | None:
        """The plane that an instance stands on.

        Returns:
            [4] float64 a, b, c, d of the plane a x + b y + c z + d = 0 with unit normal upward, or None where no level
            surface is seen around the instance's foot.
        """
        cloud = self._cloud
        foot = float(np.percentile(cloud.points[instance.indices, 2], _FOOT)) - cloud.voxel_size / 2
        rows = self._rows[np.abs(self._heights - foot) <= _REACH_M]
        points = cloud.points[rows].astype(np.float64)
        points = points[_below(points, instance) & ~np.isin(rows, instance.indices, assume_unique=True)]
        if len(points):
            points = points[np.abs(points[:, 2] - np.median(points[:, 2])) <= cloud.voxel_size]
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
