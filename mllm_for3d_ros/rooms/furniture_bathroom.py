"""Toilets, bathtubs and sinks."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    Furniture,
    assemble,
    ceramic,
    chance,
    metal,
    paint,
    pick,
    span,
    surface,
    wood,
)
from mllm_for3d_ros.rooms.mesh import Material, Part, box, cylinder, lathe, rotation_x
from mllm_for3d_ros.rooms.solids import basin, loft, rod, soft_box, tube

CHROME = Material((0.74, 0.75, 0.77))


def _egg(width: float, length: float, z: float, y: float = 0.0, sides: int = 18) -> np.ndarray:
    """[sides, 3] egg outline, blunt at the back (-y)."""
    a = np.arange(sides) * 2 * np.pi / sides
    wide = width / 2 * np.cos(a) * (1 - 0.14 * np.sin(a))
    return np.column_stack([wide, y + length / 2 * np.sin(a), np.full(sides, z)])


def build_toilet(rng: np.random.Generator) -> Furniture:
    """Close-coupled, boxed-in cistern with a hanging bowl, or slim back-to-wall; lid open or closed."""
    kind = pick(rng, ("coupled", "coupled", "hanging", "skirted"))
    body = ceramic(rng)
    w, length, z = span(rng, 0.35, 0.4), span(rng, 0.48, 0.56), span(rng, 0.38, 0.44)
    seat = body if chance(rng, 0.75) else pick(rng, (wood(rng), paint(rng, 0.5)))
    low = 0.12 if kind == "hanging" else 0.0
    foot = 0.85 if kind == "skirted" else 0.6
    rings = [
        _egg(w * foot, length * (0.62 if kind != "skirted" else 0.85), low, -0.05),
        _egg(w * foot * 0.95, length * (0.6 if kind != "skirted" else 0.85), low + 0.45 * (z - low), -0.05),
        _egg(w, length, z - 0.08),
        _egg(w, length, z),
        _egg(w * 0.7, length * 0.7, z, 0.01),
        _egg(w * 0.55, length * 0.55, z - 0.12, 0.0),
        _egg(w * 0.25, length * 0.25, z - 0.2, -0.03),
    ]
    parts = [loft(rings, body)]
    back = -length / 2
    if chance(rng, 0.5):
        parts.append(loft([_egg(w + 0.01, length + 0.01, z), _egg(w + 0.01, length + 0.01, z + 0.035)], seat))
    else:
        ring = [_egg(w, length, z), _egg(w, length, z + 0.022), _egg(w * 0.66, length * 0.7, z + 0.022, 0.01)]
        lid = loft([_egg(w, length * 0.92, 0), _egg(w, length * 0.92, 0.025)], seat).moved(y=length * 0.46)
        parts += [loft(ring, seat, caps=False), lid.transformed(rotation_x(1.75), np.array([0, back + 0.06, z + 0.03]))]
    if kind == "hanging":
        wall = pick(rng, (body, paint(rng), Material((0.8, 0.8, 0.78), (0.68, 0.68, 0.66), "tiles", 0.15)))
        parts.append(box((span(rng, 0.45, 0.6), 0.16, span(rng, 0.95, 1.15)), wall, (0, back - 0.06, 0)))
        parts.append(box((0.24, 0.012, 0.15), CHROME, (0, back + 0.026, 0.8)))
    else:
        tank = span(rng, 0.32, 0.4)
        parts.append(soft_box((w + 0.02, 0.18, tank), body, (0, back - 0.05, z - 0.02), 0.02))
        parts.append(soft_box((w + 0.04, 0.2, 0.03), body, (0, back - 0.05, z + tank - 0.03), 0.01))
        parts.append(cylinder(0.022, 0.012, CHROME, (0, back - 0.05, z + tank), 10))
        parts.append(box((w * 0.55, 0.2, z - 0.02), body, (0, back + 0.0, 0)))
    return assemble("toilet", parts)


def _tap(x: float, y: float, z: float, reach: float, metal_: Material, height: float = 0.16) -> list[Part]:
    """Tap at (x, y, z) whose spout points to +y."""
    bow = [(x, y, z), (x, y, z + height * 0.8), (x, y + 0.35 * reach, z + height), (x, y + reach, z + height * 0.75)]
    return [tube(bow, 0.013, metal_, 7), box((0.02, 0.06, 0.015), metal_, (x + 0.035, y, z + 0.04))]


def build_bathtub(rng: np.random.Generator) -> Furniture:
    """Built-in rectangular tub, freestanding oval, tub on claw feet, or quarter-round corner tub."""
    kind = pick(rng, ("builtin", "builtin", "oval", "claw", "corner"))
    white, chrome = ceramic(rng), metal(rng)
    w, d, h = span(rng, 1.4, 1.85), span(rng, 0.68, 0.85), span(rng, 0.5, 0.64)
    if kind == "builtin":
        apron = pick(rng, (white, wood(rng), Material((0.85, 0.86, 0.86), (0.55, 0.65, 0.7), "tiles", 0.15)))
        parts = [
            box((w - 0.01, d - 0.01, 0.1), apron),
            basin((w, d, h - 0.04), h - 0.12, 0.07, white, (0, 0, 0.04), 0.02, 0.8),
        ]
        parts.append(box((w - 0.004, 0.012, h - 0.05), apron, (0, d / 2 + 0.004, 0)))
        parts += _tap(-w / 2 + 0.1, -d / 2 + 0.04, h, 0.14, chrome)
        if chance(rng, 0.4):
            x, y = -w / 2 + 0.12, -d / 2 + 0.03
            parts.append(tube([(x, y, h), (x, y, 1.9), (x, y + 0.05, 1.98), (x, y + 0.28, 1.98)], 0.012, chrome))
            parts.append(cylinder(0.1, 0.02, chrome, (x, y + 0.28, 1.95), 14))
        return assemble("bathtub", parts)
    if kind == "corner":
        return assemble("bathtub", _corner_tub(span(rng, 1.25, 1.5), h, white, chrome))
    outside = white if chance(rng, 0.6) else paint(rng, 0.6)
    base = 0.13 if kind == "claw" else 0.0
    oval, r = (w / 2, d / 2), 1.0
    foot = span(rng, 0.7, 0.85)
    shell = [(0, base), (foot, base), (r * 0.93, 0.55 * h), (r, h - 0.02), (r, h)]
    inside = [(r, h), (r * 0.93, h), (r * 0.82, 0.45 * h), (r * 0.66, base + 0.08), (0, base + 0.06)]
    parts = [lathe(shell, outside, sides=26, stretch=oval), lathe(inside, white, sides=26, stretch=oval)]
    if kind == "claw":
        parts += [
            rod((kx * w * 0.3, ky * d * 0.3, 0), (kx * w * 0.25, ky * d * 0.24, base + 0.06), 0.03, chrome)
            for kx in (-1, 1)
            for ky in (-1, 1)
        ]
    if chance(rng, 0.6):
        x, top = -w / 2 - 0.07, h + 0.25
        parts.append(tube([(x, 0, 0), (x, 0, top), (x + 0.05, 0, top + 0.04), (x + 0.18, 0, top)], 0.018, chrome))
    return assemble("bathtub", parts)


def _corner_tub(side: float, h: float, white: Material, chrome: Material) -> list[Part]:
    def outline(scale: float, z: float) -> np.ndarray:
        bow = [(np.cos(a), np.sin(a)) for a in np.linspace(0.12, np.pi / 2 - 0.12, 9)]
        flat = np.array([(0, 0), (0.5, 0), (1, 0), *bow, (0, 1), (0, 0.5)]) - 0.42
        return np.column_stack([flat * scale * side, np.full(len(flat), z)])

    rings = [outline(1, 0), outline(1, h), outline(0.84, h), outline(0.74, h - 0.3), outline(0.6, h - 0.4)]
    return [loft(rings, white), *_tap(-0.36 * side, -0.36 * side, h, 0.16, chrome)]


def build_sink(rng: np.random.Generator) -> Furniture:
    """Pedestal washbasin, hanging washbasin, vanity with basin, bowl on a stand, or kitchen sink cabinet."""
    kind = pick(rng, ("pedestal", "hanging", "vanity", "bowl", "kitchen"))
    if kind == "kitchen":
        return assemble("sink", _kitchen_sink(rng))
    white, chrome = ceramic(rng), metal(rng)
    w, d, z = span(rng, 0.45, 0.68), span(rng, 0.38, 0.5), span(rng, 0.8, 0.88)
    if kind in ("vanity", "bowl"):
        return assemble("sink", _vanity(rng, kind, w, d, z, white, chrome))
    parts = [basin((w, d, 0.16), 0.13, 0.045, white, (0, 0, z - 0.16), 0.06, 0.6)]
    parts += _tap(0, -d / 2 + 0.06, z, 0.13, chrome)
    if kind == "pedestal":
        profile = [(0, 0), (0.12, 0), (0.085, 0.1), (0.075, 0.45), (0.13, z - 0.15)]
        parts.append(lathe(profile, white, (0, -0.06, 0), 14, (1.0, 0.85)))
        return assemble("sink", parts)
    parts.append(tube([(0, 0, z - 0.16), (0, 0, z - 0.3), (0, -d / 2, z - 0.32)], 0.02, CHROME))
    return assemble("sink", parts, "wall", mount_height=z - 0.34)


def _vanity(
    rng: np.random.Generator, kind: str, w: float, d: float, z: float, white: Material, chrome: Material
) -> list[Part]:
    body = surface(rng)
    front, wide = (body if chance(rng, 0.6) else paint(rng)), w + span(rng, 0.0, 0.35)
    parts: list[Part] = []
    if kind == "vanity":
        parts.append(box((wide, d - 0.02, z - 0.25), body, (0, -0.01, 0.09)))
        parts.append(box((wide - 0.06, d - 0.1, 0.09), Material((0.15, 0.15, 0.15)), (0, -0.03, 0)))
        for side in (-1, 1):
            parts.append(box((wide / 2 - 0.015, 0.02, z - 0.3), front, (side * wide / 4, d / 2 - 0.01, 0.11)))
            parts.append(box((0.02, 0.03, 0.12), chrome, (side * 0.04, d / 2 + 0.01, z - 0.36)))
        parts.append(basin((wide + 0.02, d + 0.02, 0.16), 0.12, 0.06, white, (0, 0, z - 0.16), 0.015, 0.7))
        return parts + _tap(0, -d / 2 + 0.05, z, 0.14, chrome)
    top = z - 0.13
    parts.append(box((wide, d, 0.04), body, (0, 0, top - 0.04)))
    parts += [box((0.04, d - 0.04, top - 0.04), front, (side * (wide / 2 - 0.04), 0, 0)) for side in (-1, 1)]
    parts.append(box((wide - 0.08, d - 0.06, 0.025), body, (0, 0, 0.25)))
    r = min(w, d) * 0.44
    cup = [(0, 0), (r * 0.6, 0), (r, 0.13), (r * 0.92, 0.13), (r * 0.55, 0.03), (0, 0.02)]
    parts.append(lathe(cup, white, (0, 0.02, top), 20, (1.15, 0.95)))
    return parts + _tap(0, -d / 2 + 0.035, top, 0.16, chrome, 0.27)


def _kitchen_sink(rng: np.random.Generator) -> list[Part]:
    w, d, h = span(rng, 0.75, 1.3), span(rng, 0.56, 0.64), span(rng, 0.86, 0.92)
    steel = Material((0.68, 0.69, 0.71)) if chance(rng, 0.8) else ceramic(rng)
    body, top = (
        surface(rng),
        pick(rng, (steel, wood(rng), Material((0.3, 0.3, 0.31), (0.5, 0.5, 0.5), "speckle", 0.02))),
    )
    front, grip = (body if chance(rng, 0.6) else paint(rng)), metal(rng)
    bowl = min(0.5, w * 0.5)
    x = pick(rng, (-1, 1)) * (w - bowl - 0.1) / 2 * span(rng, 0.6, 1)
    parts = [box((w, d - 0.04, h - 0.28), body, (0, -0.02, 0.09))]
    parts.append(box((w - 0.04, d - 0.1, 0.09), Material((0.15, 0.15, 0.15)), (0, -0.04, 0)))
    for side in (-1, 1):
        parts.append(box((w / 2 - 0.01, 0.02, h - 0.16), front, (side * w / 4, d / 2 - 0.03, 0.1)))
        parts.append(box((0.16, 0.03, 0.016), grip, (side * w / 4, d / 2 - 0.005, h - 0.13)))
    parts.append(basin((bowl, d - 0.14, 0.21), 0.17, 0.02, steel, (x, 0, h - 0.2), 0.03, 0.85))
    left, right = x - bowl / 2 + w / 2, w / 2 - x - bowl / 2
    parts.append(box((left, d, 0.035), top, (-w / 2 + left / 2, 0, h - 0.035)))
    parts.append(box((right, d, 0.035), top, (w / 2 - right / 2, 0, h - 0.035)))
    parts += [box((bowl, 0.07, 0.035), top, (x, side * (d / 2 - 0.035), h - 0.035)) for side in (-1, 1)]
    parts += [box((0.02, d - 0.04, 0.2), body, (side * (w / 2 - 0.01), -0.02, h - 0.22)) for side in (-1, 1)]
    parts += [
        box((0.008, 0.3, 0.006), CHROME, (x + (0.05 * i + bowl / 2 + 0.06) * (1 if x < 0 else -1), 0, h))
        for i in range(4)
    ]
    return parts + _tap(x, -d / 2 + 0.04, h, 0.22, grip if chance(rng, 0.3) else CHROME, 0.3)
