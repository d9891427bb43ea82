"""Is depth in the unit that it should be in? Tells millimetres from metres, and the like, by the images themselves.

Two things are looked at: how far the scene is, and whether a point seen from one place lies where another view
of it says, which with a wrong scale it does not.
"""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.transforms import invert
from mllm_for3d_ros.types import Frame

NEAREST, FARTHEST = 0.08, 40.0
"""m. No camera that moves through rooms has its median depth outside of these."""
SCALES = (1e-3, 1e-2, 0.1, 0.2, 0.5, 2.0, 5.0, 10.0, 100.0, 1e3)
"""Factors by which depth may be off: metres, centimetres, 0.1 mm, and 5000 a metre (TUM) among them."""
LOOKS = 8
"""Frames and pairs of frames after which the verdict is made."""
_MOVED = 0.1
_TOLERANCE = 0.04
_LEAST_SHARED = 100
_SURE = 0.6
_CLEARLY = 0.25
_STEP = 8


class DepthUnit:
    """Looks at the frames of a recording, until it has seen enough of them."""

    def __init__(self) -> None:
        """Nothing has been seen."""
        self._medians: list[float] = []
        self._agreement: list[np.ndarray] = []
        self._before: Frame | None = None

    def look(self, frame: Frame) -> None:
        """Look at the next frame.

        Raises:
            RecordingError: depth is in another unit; says by what factor it seems to be off.
        """
        if len(self._medians) < LOOKS:
            self._look_how_far(frame)
        if len(self._agreement) < LOOKS:
            self._look_at_pair(frame)

    def _look_how_far(self, frame: Frame) -> None:
        valid = frame.depth[::_STEP, ::_STEP]
        valid = valid[valid > 0]
        if not len(valid):
            return
        self._medians.append(float(np.median(valid)))
        if len(self._medians) < LOOKS:
            return
        middle = float(np.median(self._medians))
        if not NEAREST <= middle <= FARTHEST:
            raise RecordingError(f"depth seems to be in a wrong unit: its median is {middle:.3g} m; {_REMEDY}")

    def _look_at_pair(self, frame: Frame) -> None:
        """Compare with a frame before, from some way off."""
        if self._before is None:
            self._before = frame
            return
        place, before = frame.camera_to_world[:3, 3], self._before.camera_to_world[:3, 3]
        if np.linalg.norm(place - before) < _MOVED:
            return
        shares = agreement(self._before, frame)
        self._before = frame
        if shares is None:
            return
        self._agreement.append(shares)
        if len(self._agreement) < LOOKS:
            return
        mean = np.mean(self._agreement, axis=0)
        best = int(np.argmax(mean[1:]))
        if mean[1 + best] > _SURE and mean[1 + best] > mean[0] + _CLEARLY:
            raise RecordingError(
                f"depth seems to be in a wrong unit: views agree on {mean[0]:.0%} of their points as it is, and on "
                f"{mean[1 + best]:.0%} with depth times {SCALES[best]:g}; {_REMEDY}"
            )


_REMEDY = "16UC1 must be millimetres and 32FC1 metres (REP-118)"


def agreement(first: Frame, second: Frame) -> np.ndarray | None:
    """[1 + len(SCALES)] share of points of ``first`` that lie where ``second`` has them, as is and with each scale.

    None where the views share too little as they are and with every scale.
    """
    v, u = np.mgrid[: first.depth.shape[0] : _STEP, : first.depth.shape[1] : _STEP]
    depth = first.depth[v, u].astype(np.float64)
    valid = depth > 0
    camera = first.intrinsics
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], -1)[valid]
    to_second = invert(second.camera_to_world) @ first.camera_to_world
    told = [_agreeing(rays * depth[valid][:, None] * scale, to_second, second, scale) for scale in (1.0, *SCALES)]
    if max(shared for shared, _ in told) < _LEAST_SHARED:
        return None
    return np.array([agreeing / max(shared, _LEAST_SHARED) for shared, agreeing in told])


def _agreeing(points: np.ndarray, to_second: np.ndarray, second: Frame, scale: float) -> tuple[int, int]:
    """How many points [N, 3] the second view has depth for, and how many of these are where they should be."""
    local = points @ to_second[:3, :3].T + to_second[:3, 3]
    camera, (height, width) = second.intrinsics, second.depth.shape
    local = local[local[:, 2] > 1e-6]
    u = np.rint(local[:, 0] / local[:, 2] * camera.fx + camera.cx)
    v = np.rint(local[:, 1] / local[:, 2] * camera.fy + camera.cy)
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    measured = second.depth[v[inside].astype(int), u[inside].astype(int)] * scale
    seen = measured > 0
    error = np.abs(local[inside, 2][seen] - measured[seen])
    return int(seen.sum()), int((error < _TOLERANCE * measured[seen]).sum())
