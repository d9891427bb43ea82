"""Which points of a scene a view sees, and where, by the depth test of ``scene.projection``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.scene.projection import DEFAULT_TOLERANCE, visible_pixels
from mllm_for3d_ros.types import Frame


@dataclass(frozen=True)
class Visibility:
    """Points that one view sees.

    indices: [M] int64 rising rows of the points. u, v: [M] int32 column and row of the nearest pixel.
    size: (height, width) of the image. pixels: [M] float32, how many pixels a point covers if it stands
    for a square of the points' spacing that faces the camera.
    """

    indices: np.ndarray
    u: np.ndarray
    v: np.ndarray
    size: tuple[int, int]
    pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    def sample(self, image: np.ndarray) -> np.ndarray:
        """[M] values of ``image`` [H, W] at the points' pixels."""
        return image.take(self.v * np.int32(self.size[1]) + self.u)


def see(
    points: np.ndarray, frames: Sequence[Frame], *, spacing: float = 0.025, tolerance: float = DEFAULT_TOLERANCE
) -> tuple[Visibility, ...]:
    """Depth-tested visibility of ``points`` [N, 3] float32 m in every frame; spacing and tolerance in m."""
    return tuple(_see(points, frame, spacing, tolerance) for frame in frames)


def _see(points: np.ndarray, frame: Frame, spacing: float, tolerance: float) -> Visibility:
    indices, u, v = visible_pixels(points, frame, tolerance)
    side = frame.intrinsics.fx * spacing / frame.depth[v, u]
    return Visibility(indices, u, v, frame.depth.shape, np.square(side, dtype=np.float32))
