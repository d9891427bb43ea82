"""Coloured triangle meshes: the material and the primitive solids that furniture is made of.

Object frame: origin on the floor below the object's centre, z up, the front faces +y, x to the right
of somebody who stands behind the object and looks along +y turned by -90 degrees (right-handed).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

TEXTURES = ("plain", "wood", "checker", "stripes", "speckle", "tiles", "fabric", "marble")


@dataclass(frozen=True)
class Material:
    """Solid (3D) texture evaluated at object coordinates.

    color, color2: RGB in 0..1, the texture blends between them; texture: one of TEXTURES; scale: period
    in metres; emission: 0 (shaded) .. 1 (self-lit, such as a lamp shade or a window).
    """

    color: tuple[float, float, float]
    color2: tuple[float, float, float] = (0.5, 0.5, 0.5)
    texture: str = "plain"
    scale: float = 0.1
    emission: float = 0.0


@dataclass(frozen=True)
class Part:
    """A triangle mesh of one material: vertices [V, 3] float32 m, triangles [T, 3] int32."""

    vertices: np.ndarray
    triangles: np.ndarray
    material: Material

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Part:
        """The part shifted by (x, y, z) metres."""
        return replace(self, vertices=(self.vertices + np.array([x, y, z])).astype(np.float32))

    def turned(self, yaw: float) -> Part:
        """The part rotated by ``yaw`` radians about the z axis."""
        return self.transformed(rotation_z(yaw))

    def transformed(self, rotation: np.ndarray, translation: np.ndarray | None = None) -> Part:
        """The part under ``rotation`` [3, 3] and then ``translation`` [3]."""
        moved = self.vertices @ np.asarray(rotation).T
        if translation is not None:
            moved = moved + np.asarray(translation)
        return replace(self, vertices=moved.astype(np.float32))


def rotation_z(angle: float) -> np.ndarray:
    """[3, 3] rotation by ``angle`` radians about z."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def rotation_x(angle: float) -> np.ndarray:
    """[3, 3] rotation by ``angle`` radians about x."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def box(size: tuple[float, float, float], material: Material, base: tuple[float, float, float] = (0, 0, 0)) -> Part:
    """Axis-aligned box of ``size`` m whose bottom face is centred at ``base``."""
    sx, sy, sz = size
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)])
    vertices = corners * [sx, sy, sz] + np.asarray(base)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))]
    return Part(vertices.astype(np.float32), np.array(triangles, np.int32), material)


def lathe(
    profile: list[tuple[float, float]],
    material: Material,
    base: tuple[float, float, float] = (0, 0, 0),
    sides: int = 16,
    stretch: tuple[float, float] = (1.0, 1.0),
) -> Part:
    """Solid of revolution about z: ``profile`` is [(radius m, z m), ...] from bottom to top.

    ``stretch`` scales x and y (an oval). The ends are open unless their radius is 0.
    """
    angles = np.arange(sides) * 2 * np.pi / sides
    ring = np.stack([np.cos(angles) * stretch[0], np.sin(angles) * stretch[1]], 1)
    vertices = np.concatenate([np.column_stack([ring * r, np.full(sides, z)]) for r, z in profile]) + np.asarray(base)
    triangles = []
    for level in range(len(profile) - 1):
        for i in range(sides):
            a, b = level * sides + i, level * sides + (i + 1) % sides
            triangles += [(a, b, b + sides), (a, b + sides, a + sides)]
    return Part(vertices.astype(np.float32), np.array(triangles, np.int32), material)


def cylinder(
    radius: float, height: float, material: Material, base: tuple[float, float, float] = (0, 0, 0), sides: int = 16
) -> Part:
    """Closed upright cylinder whose bottom is centred at ``base``."""
    return lathe([(0, 0), (radius, 0), (radius, height), (0, height)], material, base, sides)


def ellipsoid(
    radii: tuple[float, float, float], material: Material, center: tuple[float, float, float], sides: int = 14
) -> Part:
    """Ellipsoid with half axes ``radii`` m around ``center``."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, sides // 2 + 1)
    profile = [(float(np.cos(a)), float(radii[2] * np.sin(a))) for a in angles]
    return lathe(profile, material, center, sides, (radii[0], radii[1]))
