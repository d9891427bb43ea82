"""Sofas and chairs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    Furniture,
    assemble,
    chance,
    fabric,
    four_legs,
    metal,
    named_color,
    paint,
    pick,
    span,
    upholstery,
    wood,
)
from mllm_for3d_ros.rooms.mesh import Material, Part, box, cylinder, rotation_x
from mllm_for3d_ros.rooms.solids import extrude_x, rod, soft_box


def build_sofa(rng: np.random.Generator) -> Furniture:
    """Two-seater, three-seater or L-shape, with box, rolled or no arms."""
    kind = pick(rng, ("two", "three", "three", "corner"))
    seats = 2 if kind == "two" else 3
    arms = pick(rng, ("box", "box", "rolled", "none"))
    arm = 0.0 if arms == "none" else span(rng, 0.1, 0.24)
    width = seats * span(rng, 0.58, 0.74) + 2 * arm
    depth, seat_z, back_z = span(rng, 0.8, 1.0), span(rng, 0.38, 0.46), span(rng, 0.72, 0.95)
    foot = pick(rng, (0.02, span(rng, 0.06, 0.16)))
    cover = upholstery(rng)
    cushion = cover if chance(rng, 0.8) else upholstery(rng)
    legs = wood(rng) if chance(rng, 0.6) else metal(rng)
    parts = four_legs((width, depth), foot + 0.01, 0.05, legs, 0.04)
    plinth = seat_z - foot - 0.14
    parts.append(box((width, depth, plinth), cover, (0, 0, foot)))
    parts.append(soft_box((width - 2 * arm, 0.2, back_z - foot), cover, (0, -depth / 2 + 0.1, foot), 0.04))
    parts += _seat_cushions(seats, width - 2 * arm, depth, seat_z, back_z, cushion)
    if arm:
        parts += _sofa_arms(arms, arm, width, depth, foot, span(rng, 0.54, 0.68), cover)
    if kind == "corner":
        parts += _chaise(rng, width, depth, seat_z, foot, arm, cover, cushion)
    return assemble("sofa", parts)


def _seat_cushions(seats: int, inner: float, depth: float, seat_z: float, back_z: float, cover: Material) -> list[Part]:
    each = inner / seats
    parts = []
    for i in range(seats):
        x = (i - (seats - 1) / 2) * each
        parts.append(soft_box((each - 0.012, depth - 0.2, 0.16), cover, (x, 0.1, seat_z - 0.16), 0.035))
        back = soft_box((each - 0.015, 0.16, back_z - seat_z - 0.05), cover, bevel=0.05)
        parts.append(back.transformed(rotation_x(0.15), np.array([x, -depth / 2 + 0.27, seat_z])))
    return parts


def _sofa_arms(
    kind: str, arm: float, width: float, depth: float, foot: float, height: float, cover: Material
) -> list[Part]:
    parts = []
    for side in (-1, 1):
        x = side * (width - arm) / 2
        parts.append(soft_box((arm, depth, height - foot), cover, (x, 0, foot), 0.03))
        if kind == "rolled":
            ends = (x, -depth / 2, height - 0.02), (x, depth / 2 + 0.01, height - 0.02)
            parts.append(rod(*ends, 0.07 + arm / 5, cover, 12))
    return parts


def _chaise(
    rng: np.random.Generator,
    width: float,
    depth: float,
    seat_z: float,
    foot: float,
    arm: float,
    cover: Material,
    cushion: Material,
) -> list[Part]:
    side = pick(rng, (-1, 1))
    reach, wide = span(rng, 0.55, 0.85), span(rng, 0.7, 0.95)
    x = side * (width - wide) / 2
    y = depth / 2 + reach / 2
    parts = [
        box((wide, reach, seat_z - foot - 0.14), cover, (x, y, foot)),
        soft_box((wide, reach + 0.04, 0.16), cushion, (x, y - 0.02, seat_z - 0.16), 0.035),
    ]
    if arm and chance(rng, 0.5):
        parts.append(soft_box((arm, reach, 0.56 - foot), cover, (side * (width - arm) / 2, y, foot), 0.03))
    return parts


def build_chair(rng: np.random.Generator) -> Furniture:
    """Dining chair, office chair on a star foot, thin-framed easy chair, or shell chair."""
    kind = pick(rng, ("dining", "dining", "office", "frame", "shell"))
    parts = {"dining": _dining, "office": _office, "frame": _frame_chair, "shell": _shell_chair}[kind](rng)
    return assemble("chair", parts, against_wall=False)


def _dining(rng: np.random.Generator) -> list[Part]:
    w, d, seat_z, top = span(rng, 0.38, 0.5), span(rng, 0.4, 0.5), span(rng, 0.43, 0.48), span(rng, 0.78, 1.08)
    frame = wood(rng) if chance(rng, 0.6) else (paint(rng) if chance(rng, 0.4) else Material(named_color(rng)))
    seat = frame if chance(rng, 0.4) else upholstery(rng)
    leg = span(rng, 0.028, 0.05)
    parts = four_legs((w, d), seat_z - 0.03, leg, frame)
    parts.append(box((w, d, 0.035), frame, (0, 0, seat_z - 0.04)))
    parts.append(soft_box((w, d, 0.04), seat, (0, 0, seat_z - 0.015), 0.015))
    y = -(d - leg) / 2
    for side in (-1, 1):
        parts.append(box((leg, leg, top - seat_z), frame, (side * (w - leg) / 2, y, seat_z)))
    style = pick(rng, ("solid", "rails", "slats"))
    if style == "solid":
        tall = (top - seat_z) * span(rng, 0.55, 0.9)
        parts.append(soft_box((w - leg, 0.035, tall), seat, (0, y, top - tall), 0.012))
    elif style == "rails":
        count = int(rng.integers(2, 5))
        for i in range(count):
            parts.append(box((w - leg, 0.02, 0.055), frame, (0, y, top - 0.06 - i * (top - seat_z - 0.1) / count)))
    else:
        parts.append(box((w - leg, 0.025, 0.07), frame, (0, y, top - 0.07)))
        for x in np.linspace(-w / 2 + 0.07, w / 2 - 0.07, 5):
            parts.append(box((0.022, 0.018, top - seat_z - 0.05), frame, (float(x), y, seat_z)))
    if chance(rng, 0.4):
        parts.append(box((w - leg, 0.02, 0.03), frame, (0, 0, 0.18)))
        for side in (-1, 1):
            parts.append(box((0.02, d - leg, 0.03), frame, (side * (w - leg) / 2, 0, 0.18)))
    return parts


def _office(rng: np.random.Generator) -> list[Part]:
    w, seat_z, top = span(rng, 0.44, 0.54), span(rng, 0.44, 0.54), span(rng, 0.85, 1.25)
    hard = Material((0.1, 0.1, 0.11)) if chance(rng, 0.6) else metal(rng)
    cover = upholstery(rng) if chance(rng, 0.6) else fabric(rng, 0.05, 0.35)
    parts = [cylinder(0.03, seat_z - 0.12, hard, (0, 0, 0.08), 10)]
    for i in range(5):
        a = 2 * np.pi * i / 5 + 0.3
        x, y = 0.3 * np.cos(a), 0.3 * np.sin(a)
        parts.append(rod((0, 0, 0.11), (x, y, 0.07), 0.022, hard, 6))
        parts.append(rod((x - 0.02, y, 0.03), (x + 0.02, y, 0.03), 0.03, hard, 8))
    parts.append(soft_box((w, w, 0.08), cover, (0, 0, seat_z - 0.06), 0.025))
    back = soft_box((w * span(rng, 0.85, 1), 0.06, top - seat_z - 0.1), cover, bevel=0.025)
    parts.append(back.transformed(rotation_x(0.12), np.array([0, -w / 2 + 0.03, seat_z + 0.1])))
    parts.append(box((0.06, 0.03, 0.25), hard, (0, -w / 2 - 0.01, seat_z - 0.06)))
    if chance(rng, 0.6):
        for side in (-1, 1):
            x = side * (w / 2 + 0.03)
            parts.append(box((0.03, 0.04, 0.22), hard, (x, -0.02, seat_z - 0.02)))
            parts.append(box((0.06, 0.26, 0.03), hard, (x, 0, seat_z + 0.2)))
    return parts


def _frame_chair(rng: np.random.Generator) -> list[Part]:
    w, d, seat_z, top = span(rng, 0.58, 0.7), span(rng, 0.62, 0.75), span(rng, 0.36, 0.42), span(rng, 0.8, 1.0)
    frame = wood(rng) if chance(rng, 0.7) else metal(rng)
    cover = upholstery(rng)
    bar = 0.035
    parts = []
    for side in (-1, 1):
        x = side * (w - bar) / 2
        for y in (-d / 2 + 0.05, d / 2 - bar):
            parts.append(box((bar, bar, seat_z + 0.2), frame, (x, y, 0)))
        parts.append(box((bar + 0.015, d, 0.03), frame, (x, 0, seat_z + 0.18)))
    parts.append(box((w - bar, d * 0.8, 0.03), frame, (0, 0, seat_z - 0.15)))
    seat = soft_box((w - 2.4 * bar, d * 0.85, 0.12), cover, bevel=0.03)
    parts.append(seat.transformed(rotation_x(0.1), np.array([0, 0.03, seat_z - 0.12])))
    back = soft_box((w - 2.4 * bar, 0.12, top - seat_z), cover, bevel=0.03)
    parts.append(back.transformed(rotation_x(0.3), np.array([0, -d / 2 + 0.14, seat_z - 0.02])))
    return parts


def _shell_chair(rng: np.random.Generator) -> list[Part]:
    w, seat_z, top = span(rng, 0.44, 0.52), span(rng, 0.43, 0.47), span(rng, 0.76, 0.88)
    shell = Material(named_color(rng)) if chance(rng, 0.6) else paint(rng, 0.55)
    legs = wood(rng) if chance(rng, 0.6) else metal(rng)
    curve = [(0.23, -0.02), (0.15, 0.0), (-0.1, -0.02), (-0.19, 0.03), (-0.24, 0.15), (-0.27, top - seat_z)]
    parts = []
    for (y0, z0), (y1, z1) in pairwise(curve):
        outline = [(y0, seat_z + z0), (y1, seat_z + z1), (y1 - 0.015, seat_z + z1 - 0.015), (y0, seat_z + z0 - 0.02)]
        parts.append(extrude_x(outline, w, shell))
    for side in (-1, 1):
        wing = [(0.1, seat_z), (-0.2, seat_z + 0.02), (-0.26, seat_z + 0.24), (-0.1, seat_z + 0.12)]
        parts.append(extrude_x(wing, 0.015, shell, (side * w / 2, 0, 0)))
        for front in (-1, 1):
            foot = (side * (w / 2 - 0.01), front * 0.22 - 0.02, 0.0)
            parts.append(rod(foot, (side * 0.13, front * 0.1 - 0.02, seat_z - 0.02), 0.014, legs, 6))
    return parts
