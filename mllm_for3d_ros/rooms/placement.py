"""Footprints of furniture on the floor plan: overlap tests, and the floor that is left for a robot."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

CELL = 0.05
ROBOT_CLEARANCE = 0.3


@dataclass(frozen=True)
class Footprint:
    """An oriented box: rectangle on the floor plan and a range of heights.

    center: (x, y) m; half: half extents (along the object's x, y) m; yaw rad; low, high: z range m.
    """

    center: tuple[float, float]
    half: tuple[float, float]
    yaw: float
    low: float
    high: float

    @functools.cached_property
    def axes(self) -> np.ndarray:
        """[2, 2] unit vectors of the object's x and y on the floor plan, one per row."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([[c, s], [-s, c]])

    @functools.cached_property
    def corners(self) -> np.ndarray:
        """[4, 2] corners m, counter-clockwise."""
        signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        return (signs * self.half) @ self.axes + np.asarray(self.center)

    def grown(self, margin: float) -> Footprint:
        """The footprint with ``margin`` m added on each of its four sides."""
        return Footprint(self.center, (self.half[0] + margin, self.half[1] + margin), self.yaw, self.low, self.high)

    def distances(self, points: np.ndarray) -> np.ndarray:
        """[N] horizontal distances m of ``points`` [N, 2] to the rectangle, 0 inside."""
        local = np.abs((points - np.asarray(self.center)) @ self.axes.T) - self.half
        return np.linalg.norm(np.maximum(local, 0.0), axis=1)


def overlaps(a: Footprint, b: Footprint, clearance: float = 0.0) -> bool:
    """Whether the two boxes share space once ``a`` has grown by ``clearance`` m (separating axes)."""
    if a.low >= b.high or b.low >= a.high:
        return False
    reach = math.hypot(*a.half) + math.hypot(*b.half) + 2 * clearance
    if math.dist(a.center, b.center) > reach:
        return False
    first = a.grown(clearance) if clearance else a
    for axis in np.concatenate([first.axes, b.axes]):
        p, q = first.corners @ axis, b.corners @ axis
        if p.max() <= q.min() + 1e-9 or q.max() <= p.min() + 1e-9:
            return False
    return True


@dataclass(frozen=True)
class FloorGrid:
    """Distances to the nearest obstacle on a grid over the room.

    centers: [ny, nx, 2] m cell centres; distance: [ny, nx] m to the nearest wall or obstacle;
    main: [ny, nx] bool, the largest connected area in which a robot's centre may stand.
    """

    centers: np.ndarray
    distance: np.ndarray
    main: np.ndarray

    @property
    def main_area(self) -> float:
        """Area of ``main`` in m^2."""
        cell = self.centers[0, 1, 0] - self.centers[0, 0, 0]
        return float(self.main.sum() * cell * cell)


def floor_grid(
    width: float, depth: float, obstacles: list[Footprint], clearance: float = ROBOT_CLEARANCE, cell: float = CELL
) -> FloorGrid:
    """The grid of a room of ``width`` x ``depth`` m centred at the origin, with exact distances."""
    xs = np.arange(-width / 2 + cell / 2, width / 2, cell)
    ys = np.arange(-depth / 2 + cell / 2, depth / 2, cell)
    centers = np.stack(np.meshgrid(xs, ys), -1)
    points = centers.reshape(-1, 2)
    distance = np.minimum(width / 2 - np.abs(points[:, 0]), depth / 2 - np.abs(points[:, 1]))
    for obstacle in obstacles:
        distance = np.minimum(distance, obstacle.distances(points))
    distance = distance.reshape(centers.shape[:2])
    labels, count = ndimage.label(distance >= clearance)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    main = labels == sizes.argmax() if count else np.zeros(labels.shape, bool)
    return FloorGrid(centers, distance, main)


def reachable(grid: FloorGrid, footprint: Footprint, within: float = 0.9) -> bool:
    """Whether a robot in the main free area can come within ``within`` m of the object's rectangle."""
    points = grid.centers[grid.main]
    return len(points) > 0 and bool(footprint.distances(points).min() <= within)
