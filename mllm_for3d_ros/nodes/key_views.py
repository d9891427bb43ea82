"""The views that a 2D teacher is asked about: a few posed images, spread over the camera's path."""

from __future__ import annotations

import threading

import numpy as np

from mllm_for3d_ros.lifting.key_frames import KeyFrames
from mllm_for3d_ros.recording.transforms import invert
from mllm_for3d_ros.types import Frame, Instance

_STEPS = 8  # places along each side of a face of a box
_BEHIND_M = 0.05  # a place so little behind what a pixel shows is seen too


class KeyViews:
    """Keeps up to ``limit`` frames of one map; safe for threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget all of them: their poses are those of another map."""
        with self._lock:
            self._kept = KeyFrames(self._limit)

    def add(self, frame: Frame) -> None:
        """Keep a frame, if the camera has moved since the last one that was kept."""
        with self._lock:
            self._kept.add(frame)

    @property
    def frames(self) -> list[Frame]:
        """Those that are kept, the oldest first."""
        with self._lock:
            return list(self._kept.frames)

    def observed_fraction(self, instance: Instance) -> float:
        """Share of the surface of an instance's box, by area, that some kept view has seen; 0 without views."""
        places, areas = _surface(instance)
        seen = np.zeros(len(places), bool)
        for frame in self.frames:
            seen |= _sees(frame, places)
        return float(areas[seen].sum() / areas.sum())


def _surface(instance: Instance) -> tuple[np.ndarray, np.ndarray]:
    """Places [K, 3] m on the faces of an instance's box, and the area [K] that each stands for."""
    ticks = (np.arange(_STEPS) + 0.5) / _STEPS - 0.5
    plane = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    places, areas = [], []
    for axis in range(3):
        others = [k for k in range(3) if k != axis]
        for side in (-0.5, 0.5):
            face = np.full((len(plane), 3), side)
            face[:, others] = plane
            places.append(face * instance.size)
            areas.append(np.full(len(plane), np.prod(instance.size[others])))
    cos, sin = np.cos(instance.yaw), np.sin(instance.yaw)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return np.concatenate(places) @ turn.T + instance.center, np.concatenate(areas)


def _sees(frame: Frame, places: np.ndarray) -> np.ndarray:
    """[K] bool: which places [K, 3] of the map no nearer surface hides in a frame, where it has depth."""
    to_camera = invert(frame.camera_to_world)
    x, y, z = (places @ to_camera[:3, :3].T + to_camera[:3, 3]).T
    camera = frame.intrinsics
    ahead = z > 1e-3
    depth = np.where(ahead, z, 1.0)
    u = np.rint(camera.fx * x / depth + camera.cx)
    v = np.rint(camera.fy * y / depth + camera.cy)
    inside = ahead & (u >= 0) & (v >= 0) & (u < camera.width) & (v < camera.height)
    shown = np.zeros(len(places))
    shown[inside] = frame.depth[v[inside].astype(np.int64), u[inside].astype(np.int64)]
    return np.asarray((shown > 0) & (z <= shown + _BEHIND_M))
