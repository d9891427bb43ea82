"""Bicycles and guitars."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    Furniture,
    assemble,
    chance,
    jitter,
    metal,
    named_color,
    pick,
    shade,
    span,
    wood,
)
from mllm_for3d_ros.rooms.mesh import Material, Part, box, cylinder, rotation_x
from mllm_for3d_ros.rooms.solids import Point, disc, loft, ring_y, rod, soft_box, tube

_RUBBER = Material((0.07, 0.07, 0.07))
_STEEL = Material((0.7, 0.71, 0.73))


def build_bicycle(rng: np.random.Generator) -> Furniture:
    """City bicycle with a basket, racer, mountain bike, or child's bicycle, on its stand and seen from the side."""
    kind = pick(rng, ("city", "racer", "mountain", "child"))
    r = {"child": span(rng, 0.2, 0.25), "mountain": span(rng, 0.32, 0.35)}.get(kind, span(rng, 0.33, 0.35))
    base = {"child": 0.72}.get(kind, span(rng, 0.98, 1.06))
    tyre = {"mountain": 0.05, "racer": 0.028}.get(kind, 0.038)
    paint = Material(named_color(rng))
    rear, front = (-base / 2, 0.0, r), (base / 2, 0.0, r)
    scale = base / 1.02
    crank: Point = (-0.06 * scale, 0.0, r - 0.05 * scale)
    seat: Point = (-0.2 * scale, 0.0, r + 0.42 * scale)
    head: Point = (base / 2 - 0.17 * scale, 0.0, r + (0.5 if kind != "child" else 0.42) * scale)
    parts = [*_wheel(rear, r, tyre), *_wheel(front, r, tyre)]
    low_head: Point = (head[0] + 0.035 * scale, 0.0, head[2] - 0.12 * scale)
    step = kind in ("city", "child") and chance(rng, 0.6)
    frame = [(crank, low_head), (crank, seat), (low_head, head)]
    if step:
        frame.append(((crank[0] - 0.05, 0.0, crank[2] + 0.2 * scale), (low_head[0], 0.0, low_head[2] + 0.03)))
    else:
        frame.append((seat, head))
    parts += [rod(a, b, 0.022, paint, 7) for a, b in frame]
    for side in (-0.05, 0.05):
        hub = (rear[0], side, rear[2])
        parts += [rod(hub, crank, 0.011, paint, 5), rod(hub, seat, 0.01, paint, 5)]
        parts.append(rod((front[0], side, front[2]), (low_head[0] + 0.01, side * 0.7, low_head[2]), 0.013, paint, 5))
    parts += _saddle(seat, scale, kind) + _handlebar(head, scale, kind)
    parts += [disc(0.09 * scale, 0.012, _STEEL, (crank[0], 0.03, crank[2]), 14)]
    for side in (-1, 1):
        foot = (crank[0] + side * 0.12 * scale, side * 0.07, crank[2] - side * 0.1 * scale)
        parts += [rod((crank[0], side * 0.05, crank[2]), foot, 0.01, _STEEL, 5), box((0.08, 0.08, 0.02), _RUBBER, foot)]
    parts.append(rod((crank[0] - 0.05, -0.02, crank[2]), (crank[0] - 0.12, -0.14, 0.0), 0.01, _STEEL, 5))
    if kind == "city":
        parts += _mudguards((rear, front), r, paint if chance(rng, 0.5) else _STEEL)
        if chance(rng, 0.6):
            basket = wood(rng) if chance(rng, 0.6) else _RUBBER
            parts.append(soft_box((0.24, 0.32, 0.22), basket, (front[0] - 0.02, 0, head[2] - 0.05), 0.02))
    return assemble("bicycle", parts, named_by=paint)


def _wheel(hub: Point, r: float, tyre: float) -> list[Part]:
    x, _, z = hub
    parts = [
        ring_y(r, r - tyre, tyre, _RUBBER, (x, -tyre / 2, z), 22),
        ring_y(r - tyre, r - tyre - 0.02, 0.02, _STEEL, (x, -0.01, z), 22),
    ]
    for i in range(8):
        a = np.pi * i / 8
        c, s = float(np.cos(a)) * (r - tyre), float(np.sin(a)) * (r - tyre)
        parts.append(rod((x - c, 0, z - s), (x + c, 0, z + s), 0.003, _STEEL, 3))
    return [*parts, rod((x, -0.06, z), (x, 0.06, z), 0.02, _STEEL, 7)]


def _saddle(seat: Point, scale: float, kind: str) -> list[Part]:
    x, _, z = seat
    top = z + (0.14 if kind != "child" else 0.08)
    wide = 0.2 if kind == "city" else 0.14
    pad = soft_box((0.26 * scale, wide, 0.06), _RUBBER, (x - 0.04, 0, top), 0.025)
    return [rod(seat, (x - 0.03, 0, top + 0.01), 0.014, _STEEL, 6), pad]


def _handlebar(head: Point, scale: float, kind: str) -> list[Part]:
    x, _, z = head
    top, half = z + 0.1 * scale, 0.22 if kind == "racer" else 0.28 * scale
    parts = [rod(head, (x - 0.03, 0, top), 0.016, _STEEL, 6)]
    if kind == "racer":
        for s in (-1, 1):
            drop = [
                (x, s * half, top),
                (x + 0.12, s * half, top),
                (x + 0.14, s * half, top - 0.08),
                (x + 0.05, s * half, top - 0.14),
            ]
            parts.append(tube(drop, 0.014, _RUBBER, 6))
        return [*parts, rod((x, -half, top), (x, half, top), 0.013, _STEEL, 6)]
    back = 0.14 if kind == "city" else 0.02
    parts += [
        tube([(x - 0.03, 0, top), (x, s * half * 0.5, top + 0.05), (x - back, s * half, top + 0.04)], 0.013, _STEEL, 6)
        for s in (-1, 1)
    ]
    return parts + [
        rod((x - back + 0.05, s * half * 0.8, top + 0.045), (x - back, s * half, top + 0.04), 0.018, _RUBBER, 6)
        for s in (-1, 1)
    ]


def _mudguards(hubs: tuple[Point, Point], r: float, material: Material) -> list[Part]:
    angles = np.linspace(0.15 * np.pi, 0.95 * np.pi, 9)
    return [
        tube(
            [(x + (r + 0.02) * float(np.cos(a)), 0, z + (r + 0.02) * float(np.sin(a))) for a in angles],
            0.02,
            material,
            5,
        )
        for x, _, z in hubs
    ]


_ACOUSTIC = (
    (0.0, 0.0),
    (0.13, 0.01),
    (0.185, 0.08),
    (0.18, 0.16),
    (0.125, 0.25),
    (0.135, 0.33),
    (0.125, 0.41),
    (0.06, 0.465),
    (0.0, 0.47),
)
_ELECTRIC = (
    (0.0, 0.0),
    (0.1, 0.0),
    (0.155, 0.06),
    (0.15, 0.15),
    (0.11, 0.22),
    (0.13, 0.31),
    (0.15, 0.4),
    (0.09, 0.36),
    (0.0, 0.34),
)


def build_guitar(rng: np.random.Generator) -> Furniture:
    """Acoustic or classical guitar, electric guitar, or bass, on a stand or leaning back at a wall."""
    kind = pick(rng, ("acoustic", "acoustic", "classical", "electric", "electric", "bass"))
    acoustic = kind in ("acoustic", "classical")
    tones = ((0.78, 0.52, 0.24), (0.62, 0.34, 0.14), (0.86, 0.68, 0.42), (0.3, 0.14, 0.08))
    color = jitter(rng, pick(rng, tones)) if acoustic and chance(rng, 0.7) else named_color(rng)
    top = Material(color, shade(color, 0.88), "wood", 0.06) if acoustic else Material(color)
    back = Material(shade(color, 0.6)) if acoustic else top
    scale = span(rng, 0.92, 1.05)
    depth = (span(rng, 0.09, 0.11) if acoustic else 0.045) * scale
    neck = {"bass": 0.68, "electric": 0.46}.get(kind, 0.38) * scale
    parts = _body(_ACOUSTIC if acoustic else _ELECTRIC, scale * (1.0 if acoustic else 1.18), depth, top, back)
    high = (0.47 if acoustic else 0.41) * scale
    fret, head = Material((0.16, 0.1, 0.07)), (back if chance(rng, 0.5) else Material((0.2, 0.12, 0.08)))
    y = depth / 2
    parts.append(box((0.055, 0.02, neck + 0.12), head, (0, y - 0.006, high - 0.12)))
    parts.append(box((0.052, 0.008, neck + 0.14), fret, (0, y + 0.008, high - 0.14)))
    parts.append(box((0.08, 0.018, 0.17), head, (0, y - 0.012, high + neck)))
    parts += [box((0.11, 0.014, 0.012), _STEEL, (0, y - 0.01, high + neck + 0.04 + 0.045 * i)) for i in range(3)]
    if acoustic:
        parts += [
            disc(0.05 * scale, 0.002, _RUBBER, (0, y, 0.3 * scale), 16),
            disc(0.058 * scale, 0.001, fret, (0, y, 0.3 * scale), 16),
        ]
        parts.append(box((0.17, 0.012, 0.025), fret, (0, y + 0.005, 0.13 * scale)))
    else:
        plate = Material((0.93, 0.93, 0.9)) if chance(rng, 0.5) else _RUBBER
        parts.append(soft_box((0.15, 0.006, 0.16), plate, (-0.03, y + 0.002, 0.09 * scale), 0.002))
        parts += [box((0.09, 0.014, 0.022), _STEEL, (0, y + 0.006, z * scale)) for z in (0.08, 0.15, 0.23)]
        parts += [disc(0.012, 0.015, _STEEL, (0.09, y, z), 8) for z in (0.06, 0.1)]
    lift, lean = 0.12, rotation_x(span(rng, 0.15, 0.25))
    parts = [part.transformed(lean, np.array([0, 0, lift])) for part in parts]
    return assemble("guitar", parts + _stand(metal(rng), scale, depth, lift), against_wall=chance(rng, 0.7))


def _body(
    half: tuple[tuple[float, float], ...], scale: float, depth: float, top: Material, back: Material
) -> list[Part]:
    """Hollow-waisted body of the right ``half`` outline (x, z), its mirror image added; the top faces +y."""
    right = [(x * scale, z * scale) for x, z in half]
    outline = right + [(-x, z) for x, z in reversed(right[1:-1])]
    flat = np.array([(x, 0.0, z) for x, z in outline])
    front = np.array([0, depth / 2, 0])
    sides = loft([flat - front, flat + front * 0.98], back)
    return [sides, loft([flat + front * 0.97, flat + front], top)]


def _stand(material: Material, scale: float, depth: float, lift: float) -> list[Part]:
    """Tripod with two padded arms under the body and a post behind it."""
    post = (0.0, -depth / 2 - 0.12, 0.5 * scale)
    parts = [rod((0, -depth / 2 - 0.04, lift), post, 0.012, material, 6)]
    parts += [
        rod((0, -depth / 2 - 0.04, lift + 0.06), (x, y, 0.01), 0.011, material, 6)
        for x, y in ((-0.2, 0.16), (0.2, 0.16), (0.0, -0.3))
    ]
    for s in (-1, 1):
        arm = [
            (0, -depth / 2 - 0.04, lift - 0.02),
            (s * 0.1, -depth / 2 - 0.03, lift - 0.03),
            (s * 0.1, depth / 2 + 0.03, lift - 0.01),
        ]
        parts.append(tube(arm, 0.012, _RUBBER, 6))
    return [*parts, cylinder(0.01, 0.02, material, (0, -depth / 2 - 0.04, lift), 6)]
