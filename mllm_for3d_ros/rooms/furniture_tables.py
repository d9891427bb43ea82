"""Tables and beds."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    Furniture,
    assemble,
    chance,
    fabric,
    four_legs,
    metal,
    paint,
    pick,
    span,
    surface,
    wood,
)
from mllm_for3d_ros.rooms.mesh import Material, Part, box, cylinder, lathe
from mllm_for3d_ros.rooms.solids import loft, rod, rounded_ring, soft_box


def build_table(rng: np.random.Generator) -> Furniture:
    """Dining table, round pedestal table, coffee table, desk, or trestle table."""
    kind = pick(rng, ("dining", "round", "coffee", "desk", "trestle"))
    makers = {"dining": _dining, "round": _round, "coffee": _coffee, "desk": _desk, "trestle": _trestle}
    return assemble("table", makers[kind](rng), against_wall=kind == "desk")


def _dining(rng: np.random.Generator) -> list[Part]:
    w, d, h = span(rng, 0.75, 2.1), span(rng, 0.7, 1.0), span(rng, 0.71, 0.77)
    top = surface(rng)
    legs = top if chance(rng, 0.5) else (wood(rng) if chance(rng, 0.4) else metal(rng))
    thick, leg = span(rng, 0.02, 0.05), span(rng, 0.04, 0.09)
    parts = [box((w, d, thick), top, (0, 0, h - thick)), *four_legs((w, d), h - thick, leg, legs, span(rng, 0, 0.06))]
    if chance(rng, 0.6):
        for side in (-1, 1):
            parts.append(box((w - 0.2, 0.02, 0.08), legs, (0, side * (d / 2 - 0.08), h - thick - 0.08)))
            parts.append(box((0.02, d - 0.2, 0.08), legs, (side * (w / 2 - 0.08), 0, h - thick - 0.08)))
    return parts


def _round(rng: np.random.Generator) -> list[Part]:
    r, h = span(rng, 0.3, 0.65), span(rng, 0.7, 0.76)
    top = surface(rng)
    stand = top if chance(rng, 0.4) else metal(rng)
    oval = (span(rng, 1.0, 1.35), 1.0)
    parts = [lathe([(0, h - 0.03), (r, h - 0.03), (r, h), (0, h)], top, sides=28, stretch=oval)]
    if chance(rng, 0.6):
        foot = r * span(rng, 0.5, 0.75)
        profile = [(0, 0), (foot, 0), (foot, 0.02), (0.06, 0.07), (0.045, 0.3), (0.045, h - 0.1), (0.12, h - 0.03)]
        return [*parts, lathe(profile, stand, sides=16)]
    for i in range(4):
        a = np.pi / 4 + i * np.pi / 2
        c, s = float(np.cos(a)), float(np.sin(a))
        parts.append(rod((c * r * 0.85, s * r * 0.85, 0), (c * r * 0.55, s * r * 0.55, h - 0.03), 0.024, stand))
    return parts


def _coffee(rng: np.random.Generator) -> list[Part]:
    w, d, h = span(rng, 0.5, 1.25), span(rng, 0.45, 0.7), span(rng, 0.32, 0.52)
    top = surface(rng)
    legs = top if chance(rng, 0.6) else metal(rng)
    if chance(rng, 0.35):
        r = d / 2 + 0.08
        parts = [cylinder(r, 0.03, top, (0, 0, h - 0.03), 24)]
        for i in range(3):
            a = i * 2 * np.pi / 3
            c, s = float(np.cos(a)), float(np.sin(a))
            parts.append(rod((c * r * 0.85, s * r * 0.85, 0), (c * r * 0.6, s * r * 0.6, h - 0.03), 0.018, legs))
        return parts
    thick = span(rng, 0.02, 0.06)
    parts = [box((w, d, thick), top, (0, 0, h - thick)), *four_legs((w, d), h - thick, span(rng, 0.03, 0.07), legs)]
    if chance(rng, 0.5):
        parts.append(box((w - 0.06, d - 0.06, 0.018), top, (0, 0, h * 0.3)))
    return parts


def _desk(rng: np.random.Generator) -> list[Part]:
    w, d, h = span(rng, 1.0, 1.6), span(rng, 0.55, 0.8), span(rng, 0.71, 0.76)
    body = surface(rng)
    front = body if chance(rng, 0.6) else paint(rng)
    knob = metal(rng)
    parts = [box((w, d, 0.03), body, (0, 0, h - 0.03))]
    parts += [box((0.03, d - 0.03, h - 0.03), body, (side * (w / 2 - 0.02), 0, 0)) for side in (-1, 1)]
    parts.append(box((w - 0.06, 0.02, 0.35), body, (0, -d / 2 + 0.05, h - 0.38)))
    if chance(rng, 0.7):
        side = pick(rng, (-1, 1))
        x, wide = side * (w / 2 - 0.22), 0.36
        parts.append(box((wide, d - 0.06, h - 0.1), body, (x, -0.01, 0.06)))
        for i in range(3):
            z = 0.08 + i * (h - 0.14) / 3
            parts.append(box((wide - 0.03, 0.018, (h - 0.14) / 3 - 0.015), front, (x, d / 2 - 0.035, z)))
            parts.append(box((0.12, 0.02, 0.015), knob, (x, d / 2 - 0.018, z + 0.12)))
    return parts


def _trestle(rng: np.random.Generator) -> list[Part]:
    w, d, h = span(rng, 1.2, 2.0), span(rng, 0.65, 0.9), span(rng, 0.71, 0.76)
    top, legs = surface(rng), (wood(rng) if chance(rng, 0.6) else metal(rng))
    parts = [box((w, d, 0.03), top, (0, 0, h - 0.03))]
    for side in (-1, 1):
        x = side * (w / 2 - 0.22)
        for front in (-1, 1):
            y = front * (d / 2 - 0.08)
            for lean in (-0.1, 0.1):
                parts.append(rod((x + lean, y, 0), (x + lean * 0.2, y, h - 0.03), 0.018, legs, 6))
        parts.append(box((0.05, d - 0.1, 0.04), legs, (x, 0, h - 0.07)))
        parts.append(box((0.16, d - 0.16, 0.02), legs, (x, 0, 0.22)))
    return parts


def build_bed(rng: np.random.Generator) -> Furniture:
    """Single or double bed, panel, slatted, upholstered or bar headboard (at -y), with linen."""
    single = chance(rng, 0.4)
    w = span(rng, 0.85, 1.1) if single else span(rng, 1.4, 1.9)
    length, base_z, lift = span(rng, 1.95, 2.12), span(rng, 0.22, 0.38), pick(rng, (0.0, span(rng, 0.08, 0.2)))
    kind = pick(rng, ("panel", "slats", "soft", "bars", "none"))
    frame = {"soft": fabric(rng, 0.05), "bars": metal(rng)}.get(kind) or surface(rng)
    thick = span(rng, 0.16, 0.26)
    parts = [box((w + 0.06, length + 0.04, base_z - lift), frame, (0, 0, lift))]
    if lift:
        parts += four_legs((w, length), lift, 0.06, frame, 0.02)
    mattress = fabric(rng, 0.1, 0.1) if chance(rng, 0.3) else Material((0.93, 0.92, 0.9))
    parts.append(soft_box((w, length, thick), mattress, (0, 0, base_z), 0.04))
    parts += _headboard(rng, kind, frame, w + 0.06, -length / 2 - 0.02, span(rng, 0.75, 1.25))
    if kind in ("slats", "bars", "panel") and chance(rng, 0.4):
        parts.append(box((w + 0.06, 0.04, span(rng, 0.45, 0.7)), frame, (0, length / 2 + 0.03, 0)))
    return assemble("bed", parts + _linen(rng, w, length, base_z + thick, thick, 1 if single else 2))


def _headboard(rng: np.random.Generator, kind: str, frame: Material, w: float, y: float, top: float) -> list[Part]:
    if kind == "none":
        return []
    if kind == "panel":
        return [box((w, 0.04, top), frame, (0, y, 0))]
    if kind == "soft":
        columns = int(rng.integers(1, 6))
        each = w / columns
        return [
            soft_box((each - 0.004, 0.12, top - 0.05), frame, ((i - (columns - 1) / 2) * each, y, 0.05), 0.03)
            for i in range(columns)
        ]
    posts = [box((0.05, 0.05, top), frame, (side * (w - 0.05) / 2, y, 0)) for side in (-1, 1)]
    if kind == "slats":
        gap = (top - 0.4) / 4
        return posts + [box((w, 0.025, gap * 0.6), frame, (0, y, 0.4 + i * gap + gap * 0.4)) for i in range(4)]
    rails = [rod((-w / 2, y, z), (w / 2, y, z), 0.018, frame) for z in (0.45, top - 0.03)]
    bars = [rod((float(x), y, 0.3), (float(x), y, top - 0.03), 0.01, frame, 6) for x in np.linspace(-w / 2, w / 2, 9)]
    return posts + rails + bars


def _linen(rng: np.random.Generator, w: float, length: float, top: float, thick: float, sleepers: int) -> list[Part]:
    cover, pillow = fabric(rng, 0.4, 0.6), (fabric(rng, 0.2) if chance(rng, 0.5) else Material((0.95, 0.94, 0.92)))
    cover_length = length * span(rng, 0.55, 0.78)
    y = length / 2 - cover_length / 2 + 0.01
    hang = thick * span(rng, 0.3, 0.95)
    blanket = loft(
        [
            rounded_ring((w + 0.08, cover_length), 0.04, top - hang, (0, y, 0)),
            rounded_ring((w + 0.07, cover_length), 0.04, top + 0.02, (0, y, 0)),
            rounded_ring((w - 0.02, cover_length - 0.06), 0.04, top + 0.06, (0, y, 0)),
        ],
        cover,
    )
    parts = [blanket]
    for i in range(sleepers):
        x = (i - (sleepers - 1) / 2) * w / sleepers
        wide = min(0.75, w / sleepers - 0.1)
        parts.append(soft_box((wide, 0.42, 0.13), pillow, (x, -length / 2 + 0.26, top - 0.01), 0.05))
    if chance(rng, 0.4):
        throw = fabric(rng, 0.4, 0.7)
        parts.append(
            soft_box(
                (w + 0.1, cover_length * 0.35, hang + 0.075),
                throw,
                (0, length / 2 - cover_length * 0.25, top - hang),
                0.02,
            )
        )
    return parts
