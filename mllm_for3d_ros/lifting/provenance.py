"""Where labels come from: the source, the part of it, and the views."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mllm_for3d_ros import __version__
from mllm_for3d_ros.types import Frame


@dataclass(frozen=True)
class Provenance:
    """What the labels depend on.

    source: bag or folder, as given. source_bytes: size of its files. teacher: fingerprint. settings: of
    mapping and lifting, JSON values.
    """

    source: str
    source_bytes: int
    teacher: str
    settings: dict[str, Any] = field(default_factory=dict)
    package_version: str = __version__


@dataclass(frozen=True)
class Part:
    """Which part of its recording a scene is: its number from 1, its first frame from 0, and how many frames."""

    number: int
    first_frame: int
    frames: int


@dataclass(frozen=True)
class View:
    """A candidate view: stamp ns, camera_to_world [4, 4] row by row, image size and pinhole parameters in pixels."""

    stamp_ns: int
    camera_to_world: list[list[float]]
    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def of(cls, frame: Frame) -> View:
        """The view of ``frame``."""
        camera = frame.intrinsics
        pose = [[float(value) for value in row] for row in frame.camera_to_world]
        return cls(frame.stamp_ns, pose, camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy)
