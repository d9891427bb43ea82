"""Quarter turns and mirror images of voxels: they map the voxel grid onto itself."""

from __future__ import annotations

import numpy as np


def turn(coords: np.ndarray, inputs: np.ndarray, quarters: int, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """Voxels turned about z by ``quarters`` x 90 degrees, then mirrored in x if asked.

    Args:
        coords: [N, 3] integer voxel indices.
        inputs: [N, 8] with the normal in columns 3 to 5.
        quarters: number of quarter turns.
        mirrored: whether x is negated after the turn.

    Returns:
        new arrays of the same shapes and types.
    """
    coords, inputs = coords.copy(), inputs.copy()
    for _ in range(quarters % 4):
        coords[:, :2] = np.column_stack([-coords[:, 1], coords[:, 0]])
        inputs[:, 3:5] = np.column_stack([-inputs[:, 4], inputs[:, 3]])
    if mirrored:
        coords[:, 0], inputs[:, 3] = -coords[:, 0], -inputs[:, 3]
    return coords, inputs
