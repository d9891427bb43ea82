"""The views that a 2D teacher is asked about: a few posed images, spread over the camera's path."""

from __future__ import annotations

import threading

import numpy as np

from mllm_for3d_ros.recording.transforms import invert, rotation_angle
from mllm_for3d_ros.types import Frame, Instance

_REACH = 0.15, np.deg2rad(12.0)  # m and rad from a place within which a frame is of it, at first
_GROWTH = 1.5  # of that, where there are too many places
_STEPS = 8  # places along each side of a face of a box
_BEHIND_M = 0.05  # a place so little behind what a pixel shows is seen too


class KeyViews:
    """Keeps up to ``limit`` frames of one map, the newest of each place; safe for threads.

    A place is a pose that was far enough from all others when the camera came to it, in metres or in angle; frames
    nearer than that are of it. Where there are more than ``limit``, places that are near each other become one.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget all of them: their poses are those of another map."""
        with self._lock:
            self._reach = np.array(_REACH)
            self._empty()

    def _empty(self) -> None:
        self._places = np.empty((0, 4, 4))  # poses
        self._frames: list[Frame] = []  # one of each place, the oldest first

    def add(self, frame: Frame) -> None:
        """Keep a frame, in place of the one that there is of its place."""
        with self._lock:
            self._put(frame.camera_to_world, frame)
            while len(self._frames) > self._limit:
                self._reach = self._reach * _GROWTH
                places, frames = self._places, self._frames
                self._empty()
                for place, older in zip(places, frames, strict=True):
                    self._put(place, older)

    def _put(self, pose: np.ndarray, frame: Frame) -> None:
        """Make a frame the newest one of the place that its pose is of, or begins."""
        apart = _apart(self._places, pose, self._reach)
        if len(apart) and apart.min() < 1.0:
            nearest = int(apart.argmin())
            pose = self._places[nearest]
            self._places = np.delete(self._places, nearest, axis=0)
            del self._frames[nearest]
        self._places = np.concatenate([self._places, pose[None]])
        self._frames.append(frame)

    @property
    def frames(self) -> list[Frame]:
        """Those that are kept, the oldest first."""
        with self._lock:
            return list(self._frames)

    def observed_fraction(self, instance: Instance) -> float:
        """Share of the surface of an instance's box, by area, that some kept view has seen; 0 without views."""
        places, areas = _surface(instance)
        seen = np.zeros(len(places), bool)
        for frame in self.frames:
            seen |= _sees(frame, places)
        return float(areas[seen].sum() / areas.sum())


def _apart(places: np.ndarray, pose: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """[N] how far places [N, 4, 4] are from a pose, in m or in rad, as a multiple of ``reach`` [2]: the greater one."""
    moved = np.linalg.norm(places[:, :3, 3] - pose[:3, 3], axis=1)
    return np.asarray(np.maximum(moved / reach[0], rotation_angle(places, pose) / reach[1]))


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
