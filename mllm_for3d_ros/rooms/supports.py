"""Tops of furniture as height maps, so that small things rest on what is really below them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np

from mllm_for3d_ros.rooms.mesh import Part

CELL = 0.02


@dataclass(frozen=True)
class TopSurface:
    """Heights of what a ray from above meets, in an object's frame.

    heights: [nx, ny] float64 m at the cell centres, -inf beside the object. origin: (x, y) m of the centre
    of cell (0, 0); cells are ``CELL`` m wide.
    """

    heights: np.ndarray
    origin: tuple[float, float]

    def under(self, points: np.ndarray) -> np.ndarray:
        """[N] heights m at ``points`` [N, 2] of the object's frame, -inf beside it."""
        index = np.rint((points - np.asarray(self.origin)) / CELL).astype(int)
        inside = ((index >= 0) & (index < self.heights.shape)).all(1)
        index = np.where(inside[:, None], index, 0)
        return np.where(inside, self.heights[index[:, 0], index[:, 1]], -np.inf)


def top_surface(parts: Sequence[Part]) -> TopSurface:
    """The top surface of ``parts``."""
    corners = np.concatenate([part.vertices[part.triangles].astype(np.float64) for part in parts])
    low, high = corners.reshape(-1, 3).min(0), corners.reshape(-1, 3).max(0)
    shape = np.maximum(np.floor((high - low)[:2] / CELL).astype(int) + 1, 1)
    heights = np.full((int(shape[0]), int(shape[1])), -np.inf)
    _draw(corners, float(low[0]), float(low[1]), heights)
    return TopSurface(heights, (float(low[0]), float(low[1])))


@numba.njit(cache=True)
def _draw(corners: np.ndarray, x0: float, y0: float, heights: np.ndarray) -> None:
    """Raise ``heights`` to every triangle of ``corners`` [T, 3, 3] that lies above a cell's centre."""
    nx, ny = heights.shape
    for t in range(len(corners)):
        ax, ay, az = corners[t, 0]
        bx, by, bz = corners[t, 1]
        cx, cy, cz = corners[t, 2]
        area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
        if abs(area) < 1e-12:
            continue
        first_x = max(int(math.ceil((min(ax, bx, cx) - x0) / CELL - 1e-6)), 0)
        last_x = min(int(math.floor((max(ax, bx, cx) - x0) / CELL + 1e-6)), nx - 1)
        first_y = max(int(math.ceil((min(ay, by, cy) - y0) / CELL - 1e-6)), 0)
        last_y = min(int(math.floor((max(ay, by, cy) - y0) / CELL + 1e-6)), ny - 1)
        for i in range(first_x, last_x + 1):
            for j in range(first_y, last_y + 1):
                x, y = x0 + i * CELL, y0 + j * CELL
                u = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / area
                v = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / area
                if u >= -1e-6 and v >= -1e-6 and u + v <= 1 + 1e-6:
                    z = u * az + v * bz + (1 - u - v) * cz
                    if z > heights[i, j]:
                        heights[i, j] = z
