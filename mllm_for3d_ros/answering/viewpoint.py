"""From where "left of" and "nearest to me" are judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Viewpoint:
    """A viewer on the plan of the map: position [2] float64 m, yaw rad about z of where it looks (REP-103)."""

    position: np.ndarray
    yaw: float

    @classmethod
    def of(cls, pose: Viewpoint | np.ndarray) -> Viewpoint:
        """The viewpoint of a pose in the map frame.

        Args:
            pose: [4, 4] rigid transform from the viewer (x forward, y left, z up) to the map; or [3] x m, y m and
                yaw rad; or [4] x, y, z m and yaw rad; or a viewpoint.

        Raises:
            ValueError: it has another shape, is not finite, or its x axis is vertical.
        """
        if isinstance(pose, Viewpoint):
            return pose
        given = np.asarray(pose, dtype=np.float64)
        if given.shape not in ((4, 4), (3,), (4,)) or not np.isfinite(given).all():
            raise ValueError(f"a viewpoint is a finite [4, 4] pose or x, y, (z,) yaw, got shape {given.shape}")
        if given.ndim == 1:
            return cls(given[:2].copy(), float(given[-1]))
        forward = given[:2, 0]
        if np.hypot(*forward) < 1e-3:
            raise ValueError("the viewpoint looks straight up or down, so that it has no left and right; tilt it less")
        return cls(given[:2, 3].copy(), float(np.arctan2(forward[1], forward[0])))

    @property
    def ahead(self) -> np.ndarray:
        """Unit vector [2] of where it looks."""
        return np.array([np.cos(self.yaw), np.sin(self.yaw)])
