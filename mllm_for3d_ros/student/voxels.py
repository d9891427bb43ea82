"""The student's input: 5 cm voxels made from the map, and the way back from them to the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.types import SceneCloud

STUDENT_VOXEL = 0.05
MIN_WEIGHT = 0.25
"""Voxels with less total weight (about three pixels seen from 3 m) are sensor noise and left out."""
NEAREST = 0.15
"""Map rows in a left-out voxel take the answer of the nearest kept voxel within this distance, m."""
_FLOOR_PERCENTILE = 2.0


@dataclass(frozen=True)
class StudentVoxels:
    """coords: [M, 3] int32; points: [M, 3] float32 m, mean of the map rows inside; inputs: [M, 8] float32
    (colour -1..1, normal, height above the floor in m, one); rows: [N] int64, the voxel that answers for
    each map row, -1 for none.
    """

    coords: np.ndarray
    points: np.ndarray
    inputs: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.coords)

    @property
    def colors(self) -> np.ndarray:
        """[M, 3] uint8."""
        return np.clip((self.inputs[:, :3] + 1.0) * 127.5, 0, 255).round().astype(np.uint8)

    @property
    def normals(self) -> np.ndarray:
        """[M, 3] float32 unit, or zero where unknown."""
        return self.inputs[:, 3:6]

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values of the voxels [M] carried to the rows of the map [N], 0 where no voxel answers."""
        return np.append(values, values.dtype.type(0))[self.rows]


def voxelise(cloud: SceneCloud, min_weight: float = MIN_WEIGHT) -> StudentVoxels:
    """Group the map into student voxels, weighted by how well each map voxel was observed."""
    keys = np.floor(cloud.points / STUDENT_VOXEL).astype(np.int64)
    packed = ((keys[:, 0] + (1 << 20)) << 42) | ((keys[:, 1] + (1 << 20)) << 21) | (keys[:, 2] + (1 << 20))
    _, first, group = np.unique(packed, return_index=True, return_inverse=True)
    weight = np.bincount(group, cloud.weights)
    kept = np.flatnonzero(weight >= min_weight)

    def mean(values: np.ndarray) -> np.ndarray:
        sums = [np.bincount(group, cloud.weights * values[:, axis])[kept] for axis in range(values.shape[1])]
        return np.stack(sums, 1) / weight[kept, None] if len(kept) else np.zeros((0, values.shape[1]))

    points = mean(cloud.points)
    normals = mean(cloud.normals)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    floor = np.percentile(points[:, 2], _FLOOR_PERCENTILE) if len(points) else 0.0
    inputs = np.column_stack([mean(cloud.colors) / 127.5 - 1.0, normals, points[:, 2] - floor, np.ones(len(points))])
    answering = np.full(len(weight), -1, np.int64)
    answering[kept] = np.arange(len(kept))
    _answer_for_rest(answering, np.floor(cloud.points[first] / STUDENT_VOXEL), points)
    return StudentVoxels(
        keys[first[kept]].astype(np.int32), points.astype(np.float32), inputs.astype(np.float32), answering[group]
    )


def _answer_for_rest(answering: np.ndarray, corners: np.ndarray, points: np.ndarray) -> None:
    """Fill the -1 entries of ``answering`` with the nearest kept voxel, where one is near."""
    from scipy.spatial import cKDTree

    rest = np.flatnonzero(answering < 0)
    if len(rest) == 0 or len(points) == 0:
        return
    centers = (corners[rest] + 0.5) * STUDENT_VOXEL
    distance, nearest = cKDTree(points).query(centers, distance_upper_bound=NEAREST)
    near = np.isfinite(distance)
    answering[rest[near]] = nearest[near]
