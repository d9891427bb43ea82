"""Rigid transforms as 4x4 matrices, quaternions (x, y, z, w), and interpolation between poses."""

from __future__ import annotations

import numpy as np


def quaternion_to_matrix(quaternion: np.ndarray) -> np.ndarray:
    """Rotation matrix [3, 3] of a quaternion [4] (x, y, z, w) of any length but zero."""
    x, y, z, w = np.asarray(quaternion, dtype=np.float64) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def matrix_to_quaternion(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternion [4] (x, y, z, w), w >= 0, of a rotation matrix [3, 3].

    Source: S. W. Shepperd, Quaternion from rotation matrix, 1978: divides by the largest component.
    """
    r = np.asarray(rotation, dtype=np.float64)
    trace = r[0, 0] + r[1, 1] + r[2, 2]
    largest = int(np.argmax([r[0, 0], r[1, 1], r[2, 2], trace]))
    q = np.empty(4)
    if largest == 3:
        q[:] = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], 1 + trace
    else:
        i, j, k = largest, (largest + 1) % 3, (largest + 2) % 3
        q[i] = 1 - trace + 2 * r[i, i]
        q[j] = r[j, i] + r[i, j]
        q[k] = r[k, i] + r[i, k]
        q[3] = r[k, j] - r[j, k]
    q /= np.linalg.norm(q)
    return -q if q[3] < 0 else q


def make_transform(translation: np.ndarray, quaternion: np.ndarray) -> np.ndarray:
    """[4, 4] float64 from a translation [3] in metres and a quaternion [4] (x, y, z, w)."""
    matrix = np.eye(4)
    matrix[:3, :3] = quaternion_to_matrix(quaternion)
    matrix[:3, 3] = translation
    return matrix


def invert(transform: np.ndarray) -> np.ndarray:
    """Inverse of a rigid transform [4, 4]."""
    inverse = np.eye(4)
    inverse[:3, :3] = transform[:3, :3].T
    inverse[:3, 3] = -transform[:3, :3].T @ transform[:3, 3]
    return inverse


def rotation_angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles [...] in rad between the rotations of rigid transforms [..., 4, 4], which are broadcast."""
    cosine = (np.einsum("...ij,...ij->...", a[..., :3, :3], b[..., :3, :3]) - 1) / 2
    angle: np.ndarray = np.arccos(np.clip(cosine, -1.0, 1.0))
    return angle


def slerp(first: np.ndarray, second: np.ndarray, fraction: float) -> np.ndarray:
    """Unit quaternion between two unit quaternions along the shorter arc; fraction 0..1."""
    cosine = float(np.dot(first, second))
    if cosine < 0:
        second, cosine = -second, -cosine
    if cosine > 0.9995:  # so near that the arc is a line
        mixed = first + fraction * (second - first)
    else:
        angle = np.arccos(cosine)
        mixed = np.sin((1 - fraction) * angle) * first + np.sin(fraction * angle) * second
    return mixed / np.linalg.norm(mixed)
