"""Lofted solids beyond the primitives of ``mesh``: soft boxes, basins, rods, bent tubes, leaves.

All functions return one ``Part``; lengths are metres; bases are the centre of the bottom face.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mllm_for3d_ros.rooms.mesh import Material, Part

Point = tuple[float, float, float]


def loft(rings: Sequence[np.ndarray], material: Material, caps: bool = True) -> Part:
    """Skin over ``rings`` (each [K, 3], the same K); ``caps`` closes the first and the last ring by a fan."""
    sides, levels = len(rings[0]), len(rings)
    vertices = np.concatenate([*rings, rings[0].mean(0, keepdims=True), rings[-1].mean(0, keepdims=True)])
    i = np.arange(sides)
    j = (i + 1) % sides
    triangles = []
    for level in range(levels - 1):
        a, b = level * sides + i, level * sides + j
        triangles += [np.stack([a, b, b + sides], 1), np.stack([a, b + sides, a + sides], 1)]
    if caps:
        first, last = levels * sides, levels * sides + 1
        top = (levels - 1) * sides
        triangles += [np.stack([j, i, np.full(sides, first)], 1), np.stack([top + i, top + j, np.full(sides, last)], 1)]
    else:
        vertices = vertices[:-2]
    return Part(vertices.astype(np.float32), np.concatenate(triangles).astype(np.int32), material)


def rounded_ring(
    size: tuple[float, float], corner: float, z: float, base: Point = (0, 0, 0), steps: int = 2
) -> np.ndarray:
    """[4 * steps, 3] horizontal rectangle of ``size`` with corners of radius ``corner`` (at most half a side)."""
    sx, sy = max(size[0], 1e-3), max(size[1], 1e-3)
    r = min(max(corner, 1e-4), sx / 2, sy / 2)
    points = []
    for quarter, (kx, ky) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        for step in range(steps):
            angle = (quarter + (step / (steps - 1) if steps > 1 else 0.5)) * np.pi / 2
            points.append((kx * (sx / 2 - r) + r * np.cos(angle), ky * (sy / 2 - r) + r * np.sin(angle), z))
    return np.array(points) + np.asarray(base)


def soft_box(size: Point, material: Material, base: Point = (0, 0, 0), bevel: float = 0.03) -> Part:
    """Box with all edges chamfered by ``bevel``, such as a cushion."""
    sx, sy, sz = size
    b = min(bevel, 0.45 * min(size))
    inner, outer = (sx - 2 * b, sy - 2 * b), (sx, sy)
    levels = ((inner, 0.0), (outer, b), (outer, sz - b), (inner, sz))
    return loft([rounded_ring(s, b, z, base) for s, z in levels], material)


def tapered_box(
    bottom: tuple[float, float], top: tuple[float, float], height: float, material: Material, base: Point = (0, 0, 0)
) -> Part:
    """Frustum of a rectangular pyramid, ``bottom`` and ``top`` are (x, y) sizes."""
    return loft([rounded_ring(bottom, 1e-3, 0, base), rounded_ring(top, 1e-3, height, base)], material)


def basin(
    size: Point,
    depth: float,
    rim: float,
    material: Material,
    base: Point = (0, 0, 0),
    corner: float = 0.03,
    slope: float = 0.75,
) -> Part:
    """Block of ``size`` hollowed from above to ``depth``: ``rim`` wide edges, floor ``slope`` times the mouth."""
    sx, sy, sz = size
    mouth = (sx - 2 * rim, sy - 2 * rim)
    floor = (mouth[0] * slope, mouth[1] * slope)
    round_in = max(corner, 0.3 * min(mouth))
    rings = [
        rounded_ring((sx, sy), corner, 0, base, 4),
        rounded_ring((sx, sy), corner, sz, base, 4),
        rounded_ring(mouth, round_in, sz, base, 4),
        rounded_ring((0.5 * (mouth[0] + floor[0]), 0.5 * (mouth[1] + floor[1])), round_in, sz - 0.85 * depth, base, 4),
        rounded_ring((floor[0] * 0.9, floor[1] * 0.9), round_in, sz - depth, base, 4),
    ]
    return loft(rings, material)


def tube(points: Sequence[Point], radius: float, material: Material, sides: int = 8) -> Part:
    """Round bar of ``radius`` along the polyline ``points`` (at least two)."""
    line = np.asarray(points, float)
    tangents = np.gradient(line, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    chord = line[-1] - line[0]
    helper = np.eye(3)[int(np.abs(chord).argmin())]
    angles = np.arange(sides) * 2 * np.pi / sides
    u = np.cross(tangents, helper)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(tangents, u)
    around = np.cos(angles)[:, None] * u[:, None] + np.sin(angles)[:, None] * v[:, None]
    rings = list(line[:, None] + radius * around)
    return loft(rings, material)


def rod(start: Point, end: Point, radius: float, material: Material, sides: int = 8) -> Part:
    """Straight round bar between two points."""
    return tube([start, end], radius, material, sides)


def disc(radius: float, depth: float, material: Material, center: Point, sides: int = 14) -> Part:
    """Cylinder along +y that starts at ``center`` and sticks out ``depth``: a knob, a hub, a round glass."""
    x, y, z = center
    return rod((x, y, z), (x, y + depth, z), radius, material, sides)


def ring_y(outer: float, inner: float, depth: float, material: Material, center: Point, sides: int = 18) -> Part:
    """Flat ring around the y axis from ``center`` to ``depth`` in front of it."""
    angles = np.arange(sides) * 2 * np.pi / sides
    flat = np.column_stack([np.cos(angles), np.zeros(sides), np.sin(angles)])
    shift = np.array([0, depth, 0])
    middle = np.asarray(center)
    return loft(
        [flat * outer + middle, flat * outer + middle + shift, flat * inner + middle + shift, flat * inner + middle],
        material,
        caps=False,
    )


def extrude_x(
    outline: Sequence[tuple[float, float]], width: float, material: Material, base: Point = (0, 0, 0)
) -> Part:
    """Prism along x of the star-shaped (y, z) ``outline``, ``width`` wide, centred at ``base``."""
    flat = np.array([(0.0, y, z) for y, z in outline]) + np.asarray(base)
    half = np.array([width / 2, 0, 0])
    return loft([flat - half, flat + half], material)


def leaf(
    root: np.ndarray, heading: float, rise: float, length: float, width: float, droop: float, material: Material
) -> Part:
    """Blade from ``root`` [3] towards ``heading``, ``rise`` rad above the horizon, bending down by ``droop`` rad."""
    steps = 4
    forward = np.array([np.cos(heading), np.sin(heading), 0.0])
    side = np.array([-forward[1], forward[0], 0.0])
    point, rows = np.asarray(root, float), []
    for step in range(steps + 1):
        t = step / steps
        half = 0.5 * width * np.sin(np.pi * (0.12 + 0.83 * t)) ** 0.7
        rows += [point - side * half, point + side * half]
        pitch = rise - droop * t
        point = point + (forward * np.cos(pitch) + np.array([0, 0, np.sin(pitch)])) * length / steps
    quads = [(2 * k, 2 * k + 1, 2 * k + 3, 2 * k + 2) for k in range(steps)]
    triangles = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return Part(np.array(rows, np.float32), np.array(triangles, np.int32), material)
