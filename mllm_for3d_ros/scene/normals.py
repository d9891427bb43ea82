"""Normals of a cloud that came without them: the flattest direction of each point's neighbours."""

from __future__ import annotations

import numpy as np

DEFAULT_NEIGHBOURS = 12
_BLOCK = 32768  # points at a time, so that the neighbours of a large map fit into memory


def estimate_normals(points: np.ndarray, neighbours: int = DEFAULT_NEIGHBOURS) -> np.ndarray:
    """Unit normals by principal components of the nearest points.

    A cloud does not say from where it was seen, so each normal is turned to the inside: towards the
    vertical axis through the middle of the cloud if it is rather horizontal, else towards the
    middle of the cloud's height. In a room that is the side that a camera sees of walls, floor and
    ceiling.

    Args:
        points: [N, 3] finite, m.
        neighbours: points taken for each plane, itself included.

    Returns:
        [N, 3] float32 unit normals; zeros where fewer than 3 points are there, or all lie on a line.
    """
    points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    normals = np.zeros((len(points), 3), dtype=np.float32)
    if len(points) < 3:
        return normals
    from scipy.spatial import cKDTree  # takes a while to import, and our own maps do not need it

    tree = cKDTree(points)
    middle = np.median(points, axis=0)
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK]
        _, index = tree.query(block, k=min(neighbours, len(points)))
        normals[start : start + len(block)] = _planes(points[index], middle - block)
    return normals


def _planes(near: np.ndarray, inward: np.ndarray) -> np.ndarray:
    """Normals [B, 3] of the planes through [B, K, 3] points, on the side of ``inward`` [B, 3]."""
    centred = near - near.mean(axis=1, keepdims=True)
    spread, axes = np.linalg.eigh(np.einsum("bki,bkj->bij", centred, centred))
    normal = axes[:, :, 0]
    normal[spread[:, 1] <= 1e-9 * np.maximum(spread[:, 2], 1e-30)] = 0.0
    horizontal = np.abs(normal[:, 2]) < np.sqrt(0.5)
    side = np.where(horizontal, np.einsum("bi,bi->b", normal[:, :2], inward[:, :2]), normal[:, 2] * inward[:, 2])
    return np.where(side[:, None] < 0, -normal, normal).astype(np.float32)
