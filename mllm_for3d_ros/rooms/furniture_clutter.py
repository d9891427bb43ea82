"""Unlabelled things that fill a room and belong to none of the 20 classes."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    Builder,
    Furniture,
    any_color,
    assemble,
    chance,
    fabric,
    metal,
    paint,
    pick,
    span,
    surface,
)
from mllm_for3d_ros.rooms.furniture_storage import build_sideboard
from mllm_for3d_ros.rooms.mesh import Material, Part, box, cylinder, ellipsoid, lathe
from mllm_for3d_ros.rooms.solids import loft, rounded_ring, soft_box


def _sideboard(rng: np.random.Generator) -> Furniture:
    return assemble("clutter:sideboard", build_sideboard(rng, low=False))


def _tv_bench(rng: np.random.Generator) -> Furniture:
    return assemble("clutter:tv_bench", build_sideboard(rng, low=True))


def _cardboard_box(rng: np.random.Generator) -> Furniture:
    w, d, h = span(rng, 0.25, 0.6), span(rng, 0.25, 0.45), span(rng, 0.2, 0.45)
    board = Material((0.68, 0.52, 0.35), (0.6, 0.45, 0.3), "speckle", 0.03)
    parts = [box((w, d, h), board), box((0.05, d + 0.004, h + 0.002), Material((0.8, 0.7, 0.5)))]
    if chance(rng, 0.4):
        top = box((w * 0.8, d * 0.8, h * 0.7), board).turned(span(rng, -0.4, 0.4))
        parts.append(top.moved(z=h))
    return assemble("clutter:cardboard_box", parts, against_wall=chance(rng, 0.5))


def _pillar(rng: np.random.Generator) -> Furniture:
    side, h = span(rng, 0.22, 0.45), 2.4
    tone = Material(any_color(rng, 0.1), (0.8, 0.8, 0.78), pick(rng, ("plain", "plain", "tiles", "marble")), 0.3)
    body = cylinder(side / 2, h, tone, sides=20) if chance(rng, 0.4) else box((side, side, h), tone)
    return assemble("clutter:pillar", [body], against_wall=chance(rng, 0.5))


def _pouf(rng: np.random.Generator) -> Furniture:
    r, h = span(rng, 0.2, 0.35), span(rng, 0.3, 0.42)
    cover = fabric(rng, 0.4, 0.6)
    if chance(rng, 0.5):
        part = soft_box((2 * r, 2 * r, h), cover, bevel=0.04)
    else:
        part = lathe([(0, 0), (r * 0.9, 0), (r, h * 0.3), (r, h * 0.7), (r * 0.85, h), (0, h)], cover, sides=20)
    return assemble("clutter:pouf", [part], against_wall=False)


def _wall_shelf(rng: np.random.Generator) -> Furniture:
    w, d = span(rng, 0.5, 1.2), span(rng, 0.16, 0.25)
    board = surface(rng)
    parts: list[Part] = [box((w, d, 0.03), board, (0, d / 2, 0))]
    for _ in range(int(rng.integers(1, 5))):
        tall, wide = span(rng, 0.08, 0.22), span(rng, 0.05, 0.12)
        x = span(rng, -0.45, 0.45) * (w - wide)
        tone = Material(any_color(rng, 0.6))
        if chance(rng, 0.5):
            parts.append(box((wide, d * 0.5, tall), tone, (x, d / 2, 0.03)))
        else:
            parts.append(cylinder(wide / 2, tall, tone, (x, d / 2, 0.03), 12))
    return assemble("clutter:wall_shelf", parts, "wall", mount_height=span(rng, 1.1, 1.6))


def _radiator(rng: np.random.Generator) -> Furniture:
    w, h = span(rng, 0.5, 1.4), span(rng, 0.45, 0.65)
    white = Material((0.92, 0.92, 0.9)) if chance(rng, 0.8) else paint(rng)
    count = int(w / 0.06)
    fins = [box((0.042, 0.09, h), white, (x, 0.075, 0)) for x in np.linspace(-w / 2, w / 2, count).tolist()]
    bars = [box((w, 0.03, 0.05), white, (0, 0.06, z)) for z in (0.03, h - 0.08)]
    return assemble("clutter:radiator", [*fins, *bars], "wall", mount_height=span(rng, 0.1, 0.16))


def _cushions(rng: np.random.Generator) -> Furniture:
    parts, z = [], 0.0
    for _ in range(int(rng.integers(1, 4))):
        side, tall = span(rng, 0.4, 0.6), span(rng, 0.1, 0.17)
        pad = soft_box((side, side, tall), fabric(rng, 0.5, 0.6), bevel=tall * 0.4).turned(span(rng, 0, 1.5))
        parts.append(pad.moved(span(rng, -0.04, 0.04), span(rng, -0.04, 0.04), z))
        z += tall
    return assemble("clutter:cushions", parts, against_wall=False)


def _book_pile(rng: np.random.Generator) -> Furniture:
    parts, z = [], 0.0
    for _ in range(int(rng.integers(4, 10))):
        thick = span(rng, 0.02, 0.05)
        book = box((span(rng, 0.16, 0.28), span(rng, 0.2, 0.32), thick), Material(any_color(rng, 0.7)))
        parts.append(book.turned(span(rng, -0.4, 0.4)).moved(z=z))
        z += thick
    return assemble("clutter:book_pile", parts)


def _suitcase(rng: np.random.Generator) -> Furniture:
    w, d, h = span(rng, 0.38, 0.5), span(rng, 0.2, 0.3), span(rng, 0.5, 0.72)
    shell, grip = Material(any_color(rng, 0.6)), metal(rng)
    parts = [soft_box((w, d, h), shell, (0, 0, 0.04), 0.04), box((w + 0.004, 0.012, h - 0.08), grip, (0, 0, 0.08))]
    parts += [
        box((0.05, 0.05, 0.05), Material((0.1, 0.1, 0.1)), (kx * w * 0.36, ky * d * 0.3, 0))
        for kx in (-1, 1)
        for ky in (-1, 1)
    ]
    return assemble("clutter:suitcase", [*parts, box((0.18, 0.03, 0.04), grip, (0, 0, h + 0.03))])


def _screen(rng: np.random.Generator) -> Furniture:
    h, each = span(rng, 1.5, 1.75), span(rng, 0.4, 0.5)
    cloth, frame = fabric(rng, 0.4, 0.5), surface(rng)
    parts, fold = [], 0.5
    for i in range(3):
        angle = fold if i % 2 else -fold
        panel = [box((each, 0.015, h - 0.1), cloth, (0, 0, 0.05))]
        panel += [box((0.03, 0.03, h), frame, (s * (each - 0.03) / 2, 0, 0)) for s in (-1, 1)]
        panel.append(box((each, 0.03, 0.05), frame, (0, 0, h - 0.06)))
        parts += [p.turned(angle).moved(x=(i - 1) * each * float(np.cos(fold))) for p in panel]
    return assemble("clutter:folding_screen", parts)


def _ball(rng: np.random.Generator) -> Furniture:
    r = span(rng, 0.25, 0.36)
    return assemble(
        "clutter:exercise_ball",
        [ellipsoid((r, r, r), Material(any_color(rng, 0.8)), (0, 0, r), 18)],
        against_wall=False,
    )


def _crate(rng: np.random.Generator) -> Furniture:
    w, d, h = span(rng, 0.35, 0.55), span(rng, 0.3, 0.4), span(rng, 0.25, 0.35)
    body = paint(rng, 0.6)
    lid = Material(any_color(rng, 0.5))
    rings = [rounded_ring((w * f, d * f), 0.03, z) for f, z in ((0.92, 0.0), (1.0, h))]
    return assemble("clutter:storage_box", [loft(rings, body), box((w + 0.02, d + 0.02, 0.03), lid, (0, 0, h))])


CLUTTER: dict[str, Builder] = {
    "sideboard": _sideboard,
    "tv_bench": _tv_bench,
    "cardboard_box": _cardboard_box,
    "pillar": _pillar,
    "pouf": _pouf,
    "wall_shelf": _wall_shelf,
    "radiator": _radiator,
    "cushions": _cushions,
    "book_pile": _book_pile,
    "suitcase": _suitcase,
    "folding_screen": _screen,
    "exercise_ball": _ball,
    "storage_box": _crate,
}
