"""Tells a clock that was set back, and a map frame that has moved, from single bad stamps and poses."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.recording.transforms import rotation_angle

_CONFIRMED_BY = 5  # frames in a row that agree with each other and not with those before
_SET_BACK_S = 1.0


class Verdict(enum.Enum):
    """What to do with a frame."""

    FUSE = "as expected"
    HOLD = "one more bad frame, or the first of a new life: leave it out"
    RESTART = "time or place has jumped for good: begin a new map with it"


@dataclass(frozen=True)
class Limits:
    """What is no jump: distance_m and angle_rad of the anchor between two frames; speed_m_s of the camera."""

    distance_m: float
    angle_rad: float
    speed_m_s: float


class Continuity:
    """Compares each frame with the last good one.

    The anchor of a frame is the pose of the odometry frame in the map, which only a (re)localisation moves.
    Where there is none, the camera's own pose stands for it, and may move with ``speed_m_s`` besides.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._good: tuple[int, np.ndarray, bool] | None = None
        self._strange: list[tuple[int, np.ndarray, bool]] = []
        self.reason = ""

    def check(self, stamp_ns: int, anchor: np.ndarray, is_camera: bool) -> Verdict:
        """Judge a frame; ``reason`` says what has jumped unless the verdict is FUSE.

        Args:
            stamp_ns: of the frame.
            anchor: [4, 4] pose in the map.
            is_camera: whether it is the camera's.
        """
        frame = stamp_ns, anchor, is_camera
        reason = "" if self._good is None else self._jump(self._good, frame)
        if not reason:
            self._good, self._strange = frame, []
            return Verdict.FUSE
        self.reason = reason
        if self._strange and self._jump(self._strange[-1], frame):
            self._strange = []
        self._strange.append(frame)
        if len(self._strange) < _CONFIRMED_BY:
            return Verdict.HOLD
        self._good, self._strange = frame, []
        return Verdict.RESTART

    def forget(self) -> None:
        """Take the next frame as the first one."""
        self._good, self._strange = None, []

    def _jump(self, before: tuple[int, np.ndarray, bool], now: tuple[int, np.ndarray, bool]) -> str:
        """What has jumped between two frames, for a person; "" if nothing has."""
        seconds = (now[0] - before[0]) * 1e-9
        if seconds < -_SET_BACK_S:
            return f"stamps went back by {-seconds:.1f} s"
        if before[2] != now[2]:
            return ""
        moved = float(np.linalg.norm(now[1][:3, 3] - before[1][:3, 3]))
        if before[2]:
            allowed = self._limits.distance_m + self._limits.speed_m_s * abs(seconds)
            return f"the camera moved {moved:.2f} m in {abs(seconds):.2f} s" if moved > allowed else ""
        turned = float(rotation_angle(before[1], now[1]))
        if moved > self._limits.distance_m or turned > self._limits.angle_rad:
            return f"the odometry frame moved {moved:.2f} m and turned {np.degrees(turned):.0f} degrees in the map"
        return ""
