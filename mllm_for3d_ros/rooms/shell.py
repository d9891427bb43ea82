"""The fixed surfaces of a scene: floors, ceilings, walls with openings, and the frames of doorways."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.rooms.mesh import Material, Part, box
from mllm_for3d_ros.rooms.placement import Footprint

WALL_THICKNESS = 0.12
_TRIM_WIDTH, _TRIM_DEPTH = 0.07, 0.018


@dataclass(frozen=True)
class SubRoom:
    """One rectangular room of a scene, in world coordinates (metres, floor at z = 0).

    walls: materials of the south, east, north and west wall.
    """

    kind: str
    center: tuple[float, float]
    width: float
    depth: float
    height: float
    floor: Material
    ceiling: Material
    walls: tuple[Material, Material, Material, Material]

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Least x, least y, greatest x, greatest y m."""
        x, y, w, d = *self.center, self.width / 2, self.depth / 2
        return x - w, y - d, x + w, y + d


@dataclass(frozen=True)
class Doorway:
    """An opening that joins two rooms.

    rooms: their indices. center: of the opening in the middle of the wall, m. runs_along_x: whether
    the wall (and so the width of the opening) runs along x. width, height: of the opening, m.
    """

    rooms: tuple[int, int]
    center: tuple[float, float]
    runs_along_x: bool
    width: float
    height: float
    frame: Material

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Least x, least y, greatest x, greatest y m of the floor in the opening."""
        x, y = self.center
        a, b = self.width / 2, WALL_THICKNESS / 2
        return (x - a, y - b, x + a, y + b) if self.runs_along_x else (x - b, y - a, x + b, y + a)


def room_shell(room: SubRoom, doorways: Sequence[Doorway], roof: bool = True) -> list[Part]:
    """Floor, ceiling (unless ``roof`` is False) and the walls of ``room`` with openings for ``doorways``."""
    x0, y0, x1, y1 = room.bounds
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    parts = [_quad([(*c, 0.0) for c in corners], room.floor)]
    if roof:
        parts.append(_quad([(*c, room.height) for c in reversed(corners)], room.ceiling))
    for side, material in enumerate(room.walls):
        start, end = np.array(corners[side]), np.array(corners[(side + 1) % 4])
        openings = _openings_in(start, end, doorways)
        parts += _wall(start, end, room.height, material, openings)
    return parts


def doorway_frame(doorway: Doorway, floor: Material) -> list[Part]:
    """Lining, threshold and the trim on both faces of a doorway."""
    along, across = (0, 1) if doorway.runs_along_x else (1, 0)
    w, t, h = doorway.width / 2, WALL_THICKNESS / 2, doorway.height

    def at(u: float, v: float, z: float) -> tuple[float, float, float]:
        point = [0.0, 0.0, z]
        point[along], point[across] = doorway.center[along] + u, doorway.center[across] + v
        return point[0], point[1], point[2]

    def block(u: float, v: float, z: float, long: float, deep: float, high: float) -> Part:
        size = (long, deep, high) if doorway.runs_along_x else (deep, long, high)
        return box(size, doorway.frame, at(u, v, z))

    parts = [_quad([at(u, -t, 0), at(u, t, 0), at(u, t, h), at(u, -t, h)], doorway.frame) for u in (-w, w)]
    parts.append(_quad([at(-w, -t, h), at(w, -t, h), at(w, t, h), at(-w, t, h)], doorway.frame))
    parts.append(_quad([at(-w, -t, 0), at(w, -t, 0), at(w, t, 0), at(-w, t, 0)], floor))
    for face in (-1, 1):
        v = face * (t + _TRIM_DEPTH / 2)
        parts += [block(s * (w + _TRIM_WIDTH / 2), v, 0.0, _TRIM_WIDTH, _TRIM_DEPTH, h + _TRIM_WIDTH) for s in (-1, 1)]
        parts.append(block(0.0, v, h, 2 * w, _TRIM_DEPTH, _TRIM_WIDTH))
    return parts


def solid_footprints(rooms: Sequence[SubRoom], doorways: Sequence[Doorway]) -> list[Footprint]:
    """Everything in the bounding box of ``rooms`` that is neither room nor doorway, as upright boxes."""
    free = [room.bounds for room in rooms] + [doorway.bounds for doorway in doorways]
    xs, ys = (sorted({round(b[k], 9) for b in free for k in (axis, axis + 2)}) for axis in (0, 1))
    boxes = []
    for left, right in itertools.pairwise(xs):
        start = None
        for low, high in [*itertools.pairwise(ys), (ys[-1], ys[-1])]:
            x, y = (left + right) / 2, (low + high) / 2
            solid = high > low and not any(b[0] < x < b[2] and b[1] < y < b[3] for b in free)
            if solid and start is None:
                start = low
            if not solid and start is not None:
                half = ((right - left) / 2, (low - start) / 2)
                boxes.append(Footprint((x, (start + low) / 2), half, 0.0, 0.0, rooms[0].height))
                start = None
    return boxes


def _openings_in(start: np.ndarray, end: np.ndarray, doorways: Sequence[Doorway]) -> list[tuple[float, float, float]]:
    """(from, to, height) m along the wall ``start`` to ``end`` of the doorways that lie in it, in order."""
    length = float(np.linalg.norm(end - start))
    direction = (end - start) / length
    found = []
    for doorway in doorways:
        offset = np.asarray(doorway.center) - start
        away = abs(offset[0] * direction[1] - offset[1] * direction[0])
        along = float(offset @ direction)
        if doorway.runs_along_x == bool(abs(direction[0]) > 0.5) and away < WALL_THICKNESS and 0 < along < length:
            found.append((along - doorway.width / 2, along + doorway.width / 2, doorway.height))
    return sorted(found)


def _wall(
    start: np.ndarray, end: np.ndarray, height: float, material: Material, openings: list[tuple[float, float, float]]
) -> list[Part]:
    """The wall from ``start`` to ``end`` [2] m with rectangular ``openings`` (from, to, height) down to the floor."""
    length = float(np.linalg.norm(end - start))
    direction = (end - start) / length
    pieces, at = [], 0.0
    for begin, stop, top in openings:
        pieces += [(at, begin, 0.0), (begin, stop, top)]
        at = stop
    pieces.append((at, length, 0.0))
    parts = []
    for a, b, low in pieces:
        p, q = start + a * direction, start + b * direction
        parts.append(_quad([(*p, low), (*q, low), (*q, height), (*p, height)], material))
    return parts


def _quad(corners: Sequence[tuple[float, ...]], material: Material) -> Part:
    return Part(np.array(corners, np.float32), np.array([[0, 1, 2], [0, 2, 3]], np.int32), material)
