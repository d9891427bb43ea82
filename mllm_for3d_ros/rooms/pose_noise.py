"""Errors of a robot's localisation: a slow drift and a little jitter."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

_SMOOTHING = 2.0  # frames
_WHITE_SHARE = 0.15  # of the variance


def with_pose_noise(poses: np.ndarray, metres: float, radians: float, rng: np.random.Generator) -> np.ndarray:
    """``poses`` [N, 4, 4] float64 with errors in the camera frame; unchanged where both amounts are 0.

    Args:
        poses: true camera_to_world.
        metres: root mean square over the poses of the length of the translation error.
        radians: root mean square of the angle of the rotation error.
        rng: source of the errors.

    Raises:
        ValueError: an amount is negative or not finite.
    """
    if not (0.0 <= metres < np.inf and 0.0 <= radians < np.inf):
        raise ValueError(f"pose noise must be finite and not negative, got {metres} m and {radians} rad")
    if metres == radians == 0.0:
        return poses
    error = np.tile(np.eye(4), (len(poses), 1, 1))
    error[:, :3, 3] = metres * _walk(len(poses), rng)
    error[:, :3, :3] = Rotation.from_rotvec(radians * _walk(len(poses), rng)).as_matrix()
    return poses @ error


def _walk(count: int, rng: np.random.Generator) -> np.ndarray:
    """[count, 3] a smooth random walk plus white noise, of length 1 in the root mean square."""
    drift = gaussian_filter1d(np.cumsum(rng.standard_normal((count, 3)), axis=0), _SMOOTHING, axis=0, mode="nearest")
    white = rng.standard_normal((count, 3))
    return np.sqrt(1 - _WHITE_SHARE) * _scaled(drift) + np.sqrt(_WHITE_SHARE) * _scaled(white)


def _scaled(values: np.ndarray) -> np.ndarray:
    return values / np.sqrt(np.square(values).sum(1).mean())
