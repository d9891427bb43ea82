"""Dressers, mirrors, fans and coat racks."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    Furniture,
    appliance,
    assemble,
    chance,
    dyed,
    four_legs,
    jitter,
    metal,
    named_color,
    paint,
    pick,
    shade,
    span,
    surface,
    wood,
)
from mllm_for3d_ros.rooms.mesh import Material, Part, box, cylinder, ellipsoid, lathe, rotation_x
from mllm_for3d_ros.rooms.solids import disc, loft, ring_y, rod, rounded_ring, soft_box

_DARK = Material((0.1, 0.1, 0.11))


def build_dresser(rng: np.random.Generator) -> Furniture:
    """Chest of drawers, sideboard with doors, television bench, or small bedside chest."""
    kind = pick(rng, ("drawers", "drawers", "sideboard", "bench", "bedside"))
    w, d, h = {
        "drawers": (span(rng, 0.6, 1.3), span(rng, 0.4, 0.5), span(rng, 0.7, 1.1)),
        "sideboard": (span(rng, 1.0, 1.8), span(rng, 0.38, 0.48), span(rng, 0.65, 0.9)),
        "bench": (span(rng, 1.0, 1.8), span(rng, 0.36, 0.45), span(rng, 0.38, 0.52)),
        "bedside": (span(rng, 0.4, 0.55), span(rng, 0.36, 0.45), span(rng, 0.45, 0.65)),
    }[kind]
    body, grip = surface(rng), metal(rng)
    front = body if chance(rng, 0.5) else (paint(rng) if chance(rng, 0.5) else Material(named_color(rng)))
    foot = pick(rng, (0.04, span(rng, 0.08, 0.16)))
    parts = [box((w, d - 0.02, h - foot - 0.025), body, (0, -0.01, foot))]
    parts.append(box((w + 0.02, d, 0.025), body, (0, 0, h - 0.025)))
    parts += four_legs((w, d), foot, 0.045, wood(rng) if chance(rng, 0.5) else grip, 0.03)
    if kind in ("drawers", "bedside"):
        columns, rows = (2 if w > 0.9 else 1), (int(rng.integers(3, 6)) if kind == "drawers" else 2)
        return assemble("dresser", parts + _fronts(columns, rows, w, d, foot, h, front, grip))
    columns = int(rng.integers(2, 5))
    if kind == "bench" or chance(rng, 0.3):
        return assemble("dresser", parts + _fronts(columns, 1 if kind == "bench" else 2, w, d, foot, h, front, grip))
    each = (w - 0.03) / columns
    for i in range(columns):
        x = (i - (columns - 1) / 2) * each
        parts.append(box((each - 0.015, 0.02, h - foot - 0.06), front, (x, d / 2 - 0.018, foot + 0.015)))
        knob = x + (each / 2 - 0.05) * (1 if i % 2 == 0 else -1)
        parts.append(box((0.02, 0.025, 0.1), grip, (knob, d / 2, foot + 0.6 * (h - foot))))
    return assemble("dresser", parts)


def _fronts(
    columns: int, rows: int, w: float, d: float, low: float, high: float, front: Material, grip: Material
) -> list[Part]:
    parts, wide, tall = [], (w - 0.03) / columns, (high - low - 0.045) / rows
    for i in range(columns):
        for j in range(rows):
            x, z = (i - (columns - 1) / 2) * wide, low + 0.01 + j * tall
            parts.append(box((wide - 0.015, 0.02, tall - 0.015), front, (x, d / 2 - 0.018, z)))
            parts.append(box((min(0.16, wide * 0.35), 0.025, 0.018), grip, (x, d / 2, z + tall * 0.6)))
    return parts


def build_mirror(rng: np.random.Generator) -> Furniture:
    """Wall mirror (rectangle, round, oval, arched), long mirror on the wall, or standing mirror with feet."""
    kind = pick(rng, ("rectangle", "round", "oval", "long", "standing", "standing"))
    frame = wood(rng) if chance(rng, 0.45) else (metal(rng) if chance(rng, 0.6) else Material(named_color(rng)))
    if kind in ("round", "oval"):
        r = span(rng, 0.27, 0.45)
        return assemble(
            "mirror",
            _oval(rng, r, 1.0 if kind == "round" else 1.4, frame),
            "wall",
            mount_height=span(rng, 1.35, 1.5) - r * (1.0 if kind == "round" else 1.3),
            named_by=frame,
        )
    w, h = {
        "rectangle": (span(rng, 0.5, 1.0), span(rng, 0.6, 0.95)),
        "long": (span(rng, 0.4, 0.6), span(rng, 1.2, 1.6)),
    }.get(kind, (span(rng, 0.4, 0.7), span(rng, 1.35, 1.75)))
    parts = _plate(rng, w, h, frame)
    if kind != "standing":
        return assemble(
            "mirror", parts, "wall", mount_height=span(rng, 1.0, 1.15) if kind == "rectangle" else 0.35, named_by=frame
        )
    tilt = rotation_x(span(rng, 0.08, 0.16))
    parts = [part.transformed(tilt, np.array([0, 0, 0.04])) for part in parts]
    for side in (-1, 1):
        x = side * (w / 2 + 0.012)
        parts += [
            rod((x, -0.28, 0), (x, -0.08, h * 0.62), 0.015, frame, 6),
            box((0.04, 0.14, 0.03), frame, (x, 0.03, 0)),
        ]
        parts.append(rod((x, 0.02, 0.02), (x, -0.02, h * 0.3), 0.015, frame, 6))
    return assemble("mirror", parts, named_by=frame)


def _glass(tone: tuple[float, float, float], height: float) -> Material:
    """The look of a mirror at ``height`` (0..1) of its plate: lighter towards the top."""
    return Material(shade(tone, 0.78 + 0.3 * height), emission=0.3)


def _tone(rng: np.random.Generator) -> tuple[float, float, float]:
    return jitter(rng, pick(rng, ((0.70, 0.78, 0.85), (0.62, 0.71, 0.79), (0.75, 0.81, 0.84))), 0.03)


def _plate(rng: np.random.Generator, w: float, h: float, frame: Material) -> list[Part]:
    """Framed rectangle with the back at y = 0 and the bottom at z = 0."""
    bar, steps, tone = span(rng, 0.015, 0.06), 10, _tone(rng)
    inner = (w - 2 * bar, h - 2 * bar)
    parts = [box((w, 0.015, h), frame, (0, 0.0075, 0))]
    each = inner[1] / steps
    parts += [box((inner[0], 0.003, each), _glass(tone, i / steps), (0, 0.0165, bar + i * each)) for i in range(steps)]
    parts += [box((bar, 0.03, h), frame, (side * (w - bar) / 2, 0.015, 0)) for side in (-1, 1)]
    return parts + [box((w, 0.03, bar), frame, (0, 0.015, z)) for z in (0.0, h - bar)]


def _oval(rng: np.random.Generator, r: float, stretch: float, frame: Material) -> list[Part]:
    """Framed ellipse: discs of slightly different tone, the lighter the smaller."""
    rim, tone = span(rng, 0.012, 0.05), _tone(rng)
    parts = [ring_y(r, r - rim, 0.03, frame, (0, 0, 0), 28), disc(r - 0.005, 0.01, frame, (0, 0, 0), 28)]
    for i, f in enumerate((1.0, 0.86, 0.7, 0.5)):
        at = (-0.1 * (1 - f) * r, 0.008, 0.25 * (1 - f) * r)
        parts.append(disc((r - rim) * f, 0.005 + 0.0015 * i, _glass(tone, 0.2 + 0.25 * i), at, 24))
    tall = np.diag([1.0, 1.0, stretch])
    return [part.transformed(tall) for part in parts]


def build_fan(rng: np.random.Generator) -> Furniture:
    """Pedestal fan, desk fan, tower fan, or box fan on the floor."""
    kind = pick(rng, ("pedestal", "pedestal", "desk", "tower", "box"))
    body = appliance(rng) if chance(rng, 0.4) else Material(named_color(rng))
    if kind == "tower":
        return assemble("fan", _tower(rng, body), against_wall=False, named_by=body)
    blade = (
        body if chance(rng, 0.3) else (Material((0.7, 0.78, 0.84)) if chance(rng, 0.5) else Material(named_color(rng)))
    )
    if kind == "box":
        side = span(rng, 0.42, 0.55)
        bars = [(0, side / 2 - 0.02), (0, -side / 2 + 0.02)]
        parts = [box((side, 0.13, 0.04), body, (0, 0, side / 2 + z - 0.02)) for _, z in bars]
        parts += [box((0.04, 0.13, side), body, (s * (side / 2 - 0.02), 0, 0)) for s in (-1, 1)]
        parts += _head(side * 0.47, 0.05, body, blade, int(rng.integers(3, 6)), side / 2)
        return assemble("fan", parts, against_wall=False, named_by=body)
    r = span(rng, 0.18, 0.24) if kind == "pedestal" else span(rng, 0.13, 0.16)
    z = span(rng, 0.9, 1.15) if kind == "pedestal" else r + span(rng, 0.12, 0.16)
    base = r * span(rng, 0.85, 1.0)
    foot = (
        [cylinder(base, 0.03, body, sides=18)]
        if chance(rng, 0.65)
        else [box((2.2 * base, 0.06, 0.04), body).turned(a) for a in (np.pi / 4, -np.pi / 4)]
    )
    pole = [rod((0, -0.06, 0.02), (0, -0.06, z), 0.016, body), cylinder(0.035, 0.12, body, (0, -0.06, z * 0.45), 10)]
    return assemble(
        "fan",
        [*foot, *pole, *_head(r, 0.0, body, blade, int(rng.integers(3, 6)), z)],
        against_wall=False,
        named_by=body,
    )


def _head(r: float, y: float, body: Material, blade: Material, count: int, z: float) -> list[Part]:
    """Guard, hub, motor and blades of a fan that blows to +y, the hub at height ``z``."""
    parts = [
        ring_y(r, r * 0.93, 0.09, body, (0, y - 0.04, z), 20),
        ring_y(r * 0.55, r * 0.52, 0.01, body, (0, y + 0.05, z), 16),
    ]
    for i in range(16):
        a = 2 * np.pi * i / 16
        tip = (r * 0.96 * float(np.cos(a)), y + 0.045, z + r * 0.96 * float(np.sin(a)))
        parts.append(rod((0, y + 0.055, z), tip, 0.003, body, 3))
    parts += [
        disc(r * 0.2, 0.02, body, (0, y + 0.045, z), 12),
        ellipsoid((0.05, 0.09, 0.05), body, (0, y - 0.08, z), 10),
    ]
    return parts + [_blade(r * 0.88, 2 * np.pi * i / count, y, z, blade) for i in range(count)]


def _blade(r: float, angle: float, y: float, z: float, material: Material) -> Part:
    outline = [(0.12, -0.12), (0.6, -0.42), (0.98, -0.2), (0.95, 0.25), (0.5, 0.2), (0.12, 0.12)]
    c, s = float(np.cos(angle)), float(np.sin(angle))
    flat = np.array([((c * u - s * v) * r, y + 0.03 * v, z + (s * u + c * v) * r) for u, v in outline])
    return loft([flat, flat + np.array([0, 0.004, 0])], material)


def _tower(rng: np.random.Generator, body: Material) -> list[Part]:
    r, h = span(rng, 0.075, 0.1), span(rng, 0.75, 1.05)
    parts = [
        cylinder(r * 1.6, 0.03, body, sides=18),
        loft([rounded_ring((2 * r, 2 * r), r * 0.8, z, steps=3) for z in (0.03, h)], body),
    ]
    parts.append(box((r * 1.3, 0.01, h * 0.66), _DARK, (0, r - 0.002, h * 0.2)))
    parts += [box((r * 1.3, 0.012, 0.012), body, (0, r + 0.002, h * (0.2 + 0.055 * i))) for i in range(12)]
    return [*parts, disc(0.02, 0.012, Material((0.3, 0.7, 0.9), emission=0.6), (0, r - 0.002, h * 0.93), 10)]


def build_coat_rack(rng: np.random.Generator) -> Furniture:
    """Pole with hooks, branching tree, or frame with pegs; bare, or with coats, bags of cloth and hats."""
    kind = pick(rng, ("pole", "pole", "tree", "frame"))
    timber = wood(rng) if chance(rng, 0.5) else (metal(rng) if chance(rng, 0.7) else Material(named_color(rng)))
    h = span(rng, 1.6, 1.85)
    parts: list[Part] = []
    if kind == "frame":
        w = span(rng, 0.6, 0.8)
        parts += [rod((s * w / 2, 0, 0), (s * w / 2, 0, h), 0.018, timber) for s in (-1, 1)]
        parts += [box((0.05, 0.42, 0.04), timber, (s * w / 2, 0, 0)) for s in (-1, 1)]
        parts += [rod((-w / 2, 0, z), (w / 2, 0, z), 0.016, timber) for z in (h - 0.08, 0.25)]
        hooks = [(float(x), 0.0, 1.0) for x in np.linspace(-0.38, 0.38, 4) * w]
        parts += [rod((x, 0.0, h - 0.08), (x, 0.07, h - 0.04), 0.01, timber, 6) for x, _, _ in hooks]
        places = [(x, 0.1) for x, _, _ in hooks]
    else:
        parts.append(rod((0, 0, 0.02), (0, 0, h), 0.022, timber, 10))
        feet = [2 * np.pi * i / 4 + 0.4 for i in range(4)]
        if chance(rng, 0.4):
            parts.append(cylinder(span(rng, 0.17, 0.22), 0.03, timber, sides=18))
        else:
            parts += [
                rod((0, 0, 0.2), (0.27 * float(np.cos(a)), 0.27 * float(np.sin(a)), 0.015), 0.016, timber, 6)
                for a in feet
            ]
        arms = [2 * np.pi * i / 6 for i in range(6)]
        low = [h - 0.06 if kind == "pole" or i % 2 else h - 0.4 for i in range(6)]
        for a, z in zip(arms, low, strict=True):
            c, s = float(np.cos(a)), float(np.sin(a))
            parts.append(rod((0, 0, z - 0.1), (0.15 * c, 0.15 * s, z), 0.012, timber, 6))
            parts.append(ellipsoid((0.02, 0.02, 0.02), timber, (0.15 * c, 0.15 * s, z), 8))
        places = [(0.15 * float(np.cos(a)), 0.15 * float(np.sin(a))) for a in arms[::2]]
    for x, y in places:
        if chance(rng, 0.5):
            parts += _coat(rng, x, y, h - 0.1)
    if kind != "frame" and chance(rng, 0.35):
        felt = Material(named_color(rng))
        parts.append(lathe([(0.16, h - 0.02), (0.1, h + 0.01), (0.09, h + 0.11), (0, h + 0.13)], felt, sides=14))
    return assemble("coat_rack", parts, against_wall=chance(rng, 0.7), named_by=timber)


def _coat(rng: np.random.Generator, x: float, y: float, top: float) -> list[Part]:
    """A coat or jacket that hangs from (x, y, top), its sleeves at its sides."""
    cloth = dyed(rng, 0.1)
    long, turn = span(rng, 0.6, 1.05), float(np.arctan2(x, y)) if abs(x) + abs(y) > 0.01 else 0.0
    levels = ((0.40, 0.20, -long), (0.34, 0.16, -0.45), (0.36, 0.15, -0.2), (0.12, 0.1, -0.04), (0.05, 0.05, 0.0))
    body = loft([rounded_ring((w, d), 0.06, z, steps=2) for w, d, z in levels], cloth)
    sleeves = [rod((s * 0.15, 0.03, -0.15), (s * 0.2, 0.05, -min(0.65, long)), 0.045, cloth, 7) for s in (-1, 1)]
    collar = soft_box((0.16, 0.1, 0.07), Material(shade(cloth.color, 0.7)), (0, 0, -0.09), 0.02)
    return [part.turned(-turn).moved(x * 1.1, y * 1.1, top) for part in (body, *sleeves, collar)]
