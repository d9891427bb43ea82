"""A long wall with coloured patches on it, and cameras in front of it: small, and known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.lifting.lift_scene import LiftScene, prepare_scene
from mllm_for3d_ros.types import Frame, Intrinsics, ViewAnswer

CAMERA = Intrinsics(64, 48, 60.0, 60.0, 31.5, 23.5)
DISTANCE = 2.0
SPACING = 0.025
TOKEN = np.array([1.0, 0.0, 0.0], np.float32)


@dataclass(frozen=True)
class Wall:
    """Patches by name: (x of the middle, half width, colour); they are as high as wide. cameras: their x, m."""

    patches: dict[str, tuple[float, float, tuple[int, int, int]]]
    cameras: tuple[float, ...]
    length: float = 3.0

    def points(self) -> np.ndarray:
        x = np.arange(-self.length, self.length, SPACING)
        y = np.arange(-0.75, 0.75, SPACING)
        grid = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
        return np.column_stack([grid, np.full(len(grid), DISTANCE)]).astype(np.float32)

    def on(self, name: str, points: np.ndarray) -> np.ndarray:
        """Whether points [..., 3] lie on a patch."""
        middle, half, _ = self.patches[name]
        return (np.abs(points[..., 0] - middle) <= half) & (np.abs(points[..., 1]) <= half)

    def colors(self, points: np.ndarray) -> np.ndarray:
        colors = np.full(points.shape, 120, np.uint8)
        for name, (_, _, color) in self.patches.items():
            colors[self.on(name, points)] = color
        return colors

    def frames(self) -> list[Frame]:
        return [
            Frame(i, self.colors(self._pixels(x)), np.full((48, 64), DISTANCE, np.float32), CAMERA, _pose(x))
            for i, x in enumerate(self.cameras)
        ]

    def scene(self) -> LiftScene:
        points = self.points()
        normals = np.tile(np.array([[0, 0, -1]], np.float32), (len(points), 1))
        return prepare_scene(points, normals, self.colors(points), self.frames())

    def mask(self, camera: int, *names: str) -> np.ndarray:
        """[48, 64] bool pixels of patches in the view of a camera."""
        pixels = self._pixels(self.cameras[camera])
        return np.any([self.on(name, pixels) for name in names], axis=0)

    def takes(self, camera: int, *names: str, token: np.ndarray | None = TOKEN, score: float = 0.9) -> ViewAnswer:
        """A view that takes some patches."""
        return ViewAnswer(self.mask(camera, *names).astype(np.float32), token, score)

    def _pixels(self, x: float) -> np.ndarray:
        v, u = np.mgrid[:48, :64]
        across, down = (u - CAMERA.cx) / CAMERA.fx * DISTANCE + x, (v - CAMERA.cy) / CAMERA.fy * DISTANCE
        return np.stack([across, down, np.full(u.shape, DISTANCE)], -1)


def _pose(x: float) -> np.ndarray:
    pose = np.eye(4)
    pose[0, 3] = x
    return pose


def nothing() -> ViewAnswer:
    """A view that abstains."""
    return ViewAnswer(np.zeros((48, 64), np.float32), None, 0.0, abstained="nothing here")


def iou(probability: np.ndarray, truth: np.ndarray) -> float:
    chosen = np.nan_to_num(probability) >= 0.5
    return float((chosen & truth).sum() / max((chosen | truth).sum(), 1))
