"""The student's input: 5 cm voxels made from the map, and the way back from them to the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.student.cells import MIN_WEIGHT, STUDENT_VOXEL, Cells
from mllm_for3d_ros.student.key_table import unpack
from mllm_for3d_ros.types import SceneCloud

__all__ = ["STUDENT_VOXEL", "StudentVoxels", "voxelise"]


@dataclass(frozen=True)
class StudentVoxels:
    """coords: [M, 3] int32; points: [M, 3] float32 m, mean of the map rows inside; colors: [M, 3] uint8;
    normals: [M, 3] float32 unit or zero; inputs: [M, 8] float32 of the network, see ``Cells.inputs``;
    rows: [N] int64, the voxel that answers for each map row, -1 for none.
    """

    coords: np.ndarray
    points: np.ndarray
    colors: np.ndarray
    normals: np.ndarray
    inputs: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.coords)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values of the voxels [M] carried to the rows of the map [N], 0 where no voxel answers."""
        return np.append(values, values.dtype.type(0))[self.rows]


def voxelise(cloud: SceneCloud, min_weight: float = MIN_WEIGHT) -> StudentVoxels:
    """Group the map into student voxels, weighted by how well each map voxel was observed.

    Raises:
        CloudError: the map reaches too far from the origin.
    """
    cells = Cells(min_weight)
    cells.update(cloud, np.zeros(0, np.int64))
    kept = np.flatnonzero(cells.kept[: len(cells)])
    number = np.full(len(cells), -1, np.int64)
    number[kept] = np.arange(len(kept))
    means = cells.means[kept]
    return StudentVoxels(
        unpack(cells.table.keys[kept]),
        means[:, :3],
        np.clip(means[:, 3:6], 0, 255).round().astype(np.uint8),
        means[:, 6:9],
        cells.inputs(kept),
        number[cells.answer[cells.cell_of[: len(cloud)]]],
    )
