"""Candidates for key views, chosen while a recording is read, in bounded memory.

A frame is kept when the camera has moved or turned enough since the last kept one. When more than
``limit`` are kept, both thresholds grow and the kept ones are thinned by the same rule, so that a
recording of any length leaves between about ``limit`` / 2 and ``limit`` frames, spread over its path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from mllm_for3d_ros.recording.transforms import rotation_angle
from mllm_for3d_ros.types import Frame

_GROWTH = 1.5


class KeyFrames:
    """Collects candidate views; iterate over ``frames`` afterwards."""

    def __init__(self, limit: int = 64, distance: float = 0.15, angle: float = np.deg2rad(12.0)) -> None:
        """At most ``limit`` frames, at first at least ``distance`` m or ``angle`` rad apart."""
        if limit < 1 or distance < 0 or angle < 0:
            raise ValueError(f"limit must be at least 1 and distances not negative, got {limit}, {distance}, {angle}")
        self.frames: list[Frame] = []
        self._limit, self._distance, self._angle = limit, distance, angle

    def add(self, frame: Frame) -> None:
        """Look at the next frame of the recording."""
        if self.frames and not self._apart(self.frames[-1], frame):
            return
        self.frames.append(frame)
        while len(self.frames) > self._limit:
            self._distance, self._angle = self._distance * _GROWTH, self._angle * _GROWTH
            self._thin()

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Pass ``frames`` on and collect from them."""
        for frame in frames:
            self.add(frame)
            yield frame

    def _thin(self) -> None:
        """Apply the thresholds anew; where all are far apart, drop every second frame."""
        kept = self.frames[:1]
        for frame in self.frames[1:]:
            if self._apart(kept[-1], frame):
                kept.append(frame)
        self.frames = kept if len(kept) < len(self.frames) else self.frames[::2]

    def _apart(self, a: Frame, b: Frame) -> bool:
        moved = float(np.linalg.norm(a.camera_to_world[:3, 3] - b.camera_to_world[:3, 3]))
        return moved >= self._distance or bool(rotation_angle(a.camera_to_world, b.camera_to_world) >= self._angle)
