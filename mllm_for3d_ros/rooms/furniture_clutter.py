"""Unlabelled things that fill a room and belong to none of the classes."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    Builder,
    Furniture,
    any_color,
    assemble,
    chance,
    fabric,
    jitter,
    metal,
    named_color,
    paint,
    pick,
    span,
    surface,
)
from mllm_for3d_ros.rooms.mesh import Material, box, cylinder, ellipsoid, lathe
from mllm_for3d_ros.rooms.solids import disc, ring_y, rod, soft_box


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


def _radiator(rng: np.random.Generator) -> Furniture:
    w, h = span(rng, 0.5, 1.4), span(rng, 0.45, 0.65)
    white = Material((0.92, 0.92, 0.9)) if chance(rng, 0.8) else paint(rng)
    count = int(w / 0.06)
    fins = [box((0.042, 0.09, h), white, (x, 0.075, 0)) for x in np.linspace(-w / 2, w / 2, count).tolist()]
    bars = [box((w, 0.03, 0.05), white, (0, 0.06, z)) for z in (0.03, h - 0.08)]
    return assemble("clutter:radiator", [*fins, *bars], "wall", mount_height=span(rng, 0.1, 0.16))


def _book_pile(rng: np.random.Generator) -> Furniture:
    parts, z = [], 0.0
    for _ in range(int(rng.integers(4, 10))):
        thick = span(rng, 0.02, 0.05)
        book = box((span(rng, 0.16, 0.28), span(rng, 0.2, 0.32), thick), Material(any_color(rng, 0.7)))
        parts.append(book.turned(span(rng, -0.4, 0.4)).moved(z=z))
        z += thick
    return assemble("clutter:book_pile", parts)


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


def _wall_clock(rng: np.random.Generator) -> Furniture:
    r = span(rng, 0.13, 0.22)
    rim, face = Material(named_color(rng)), Material(jitter(rng, (0.93, 0.92, 0.88), 0.03))
    hands = Material((0.08, 0.08, 0.09))
    parts = [ring_y(r, r * 0.9, 0.04, rim, (0, 0, 0), 24), disc(r * 0.95, 0.02, face, (0, 0, 0), 24)]
    for i in range(12):
        a = i * np.pi / 6
        at = (0.78 * r * float(np.sin(a)), 0.02, 0.78 * r * float(np.cos(a)) - 0.01)
        parts.append(box((0.014, 0.004, 0.02), hands, at))
    for reach in (0.5, 0.7):
        a = span(rng, 0, 6.28)
        tip = (reach * r * float(np.sin(a)), 0.024, reach * r * float(np.cos(a)))
        parts.append(rod((0, 0.024, 0), tip, 0.006, hands, 5))
    return assemble("clutter:wall_clock", parts, "wall", mount_height=span(rng, 1.5, 1.8))


def _vase(rng: np.random.Generator) -> Furniture:
    r, h = span(rng, 0.06, 0.1), span(rng, 0.18, 0.34)
    waist, mouth = span(rng, 0.3, 0.7), span(rng, 0.5, 0.9)
    profile = [(0, 0), (r * 0.6, 0), (r, h * 0.35), (r * waist, h * 0.8), (r * mouth, h), (r * mouth * 0.85, h * 0.97)]
    glaze = Material(named_color(rng), named_color(rng), pick(rng, ("plain", "speckle", "marble")), 0.05)
    return assemble("clutter:vase", [lathe([*profile, (0, h * 0.3)], glaze, sides=16)], against_wall=False)


def _bowl(rng: np.random.Generator) -> Furniture:
    r, h = span(rng, 0.11, 0.17), span(rng, 0.06, 0.09)
    glaze = Material(named_color(rng))
    profile = [(0, 0), (r * 0.45, 0), (r * 0.8, h * 0.4), (r, h), (r * 0.95, h), (r * 0.7, h * 0.4), (0, h * 0.15)]
    parts = [lathe(profile, glaze, sides=18)]
    for _ in range(int(rng.integers(0, 5))):
        s = span(rng, 0.03, 0.04)
        at = (span(rng, -0.4, 0.4) * r, span(rng, -0.4, 0.4) * r, h * 0.3 + s)
        parts.append(ellipsoid((s, s, s), Material(named_color(rng)), at, 8))
    return assemble("clutter:bowl", parts, against_wall=False)


def _monitor(rng: np.random.Generator) -> Furniture:
    w = span(rng, 0.42, 0.56)
    h, lift = w * 0.6, span(rng, 0.08, 0.12)
    case = pick(rng, (Material((0.07, 0.07, 0.08)), Material((0.75, 0.75, 0.77))))
    parts = [box((w, 0.035, h), case, (0, 0, lift)), box((0.05, 0.03, lift + h * 0.4), case, (0, -0.03, 0))]
    parts.append(box((0.24, 0.17, 0.012), case))
    dark = Material((0.03, 0.03, 0.04))
    lit = chance(rng, 0.5)
    desktop = Material(any_color(rng, 0.7), emission=0.6) if lit else dark
    parts.append(box((w - 0.03, 0.004, h - 0.03), desktop, (0, 0.018, lift + 0.015)))
    if lit:
        window = Material((0.92, 0.93, 0.95), emission=0.6)
        parts.append(box((w * 0.45, 0.004, h * 0.5), window, (-w * 0.12, 0.02, lift + h * 0.3)))
        parts.append(box((w - 0.03, 0.004, 0.02), Material((0.15, 0.16, 0.2), emission=0.5), (0, 0.02, lift + 0.015)))
    keys = dark if chance(rng, 0.6) else Material((0.85, 0.85, 0.86))
    parts += [
        box((0.38, 0.13, 0.018), keys, (-0.04, 0.22, 0)),
        soft_box((0.06, 0.1, 0.03), keys, (0.22, 0.22, 0), 0.01),
    ]
    return assemble("clutter:monitor", parts)


def _printer(rng: np.random.Generator) -> Furniture:
    w, d, h = span(rng, 0.4, 0.48), span(rng, 0.3, 0.36), span(rng, 0.16, 0.24)
    case = Material(jitter(rng, pick(rng, ((0.9, 0.9, 0.9), (0.2, 0.2, 0.21), (0.5, 0.5, 0.52))), 0.03))
    dark = Material((0.1, 0.1, 0.11))
    parts = [soft_box((w, d, h), case, bevel=0.02), box((w * 0.7, 0.02, 0.04), dark, (0, d / 2 - 0.006, h * 0.3))]
    parts.append(box((w * 0.55, 0.14, 0.006), Material((0.95, 0.95, 0.94)), (0, d / 2 + 0.04, h * 0.3)))
    return assemble("clutter:printer", [*parts, box((w * 0.2, 0.06, 0.01), dark, (w * 0.3, d * 0.3, h))])


def _speaker(rng: np.random.Generator) -> Furniture:
    w, d, h = span(rng, 0.18, 0.26), span(rng, 0.2, 0.3), span(rng, 0.7, 1.05)
    case, cone = surface(rng), Material((0.12, 0.12, 0.13))
    parts = [box((w, d, h), case)]
    parts += [disc(w * s, 0.012, cone, (0, d / 2, h * z), 16) for s, z in ((0.38, 0.3), (0.38, 0.6), (0.2, 0.84))]
    parts += [disc(w * 0.14, 0.02, Material((0.5, 0.5, 0.52)), (0, d / 2, h * z), 10) for z in (0.3, 0.6)]
    return assemble("clutter:loudspeaker", parts)


def _scooter(rng: np.random.Generator) -> Furniture:
    tone, dark = Material(named_color(rng)), Material((0.1, 0.1, 0.1))
    long, h = span(rng, 0.55, 0.75), span(rng, 0.75, 0.95)
    parts = [box((long, 0.12, 0.03), tone, (0, 0, 0.09))]
    parts += [disc(0.07, 0.03, dark, (x, -0.015, 0.07), 14) for x in (-long / 2 - 0.05, long / 2 + 0.1)]
    parts += [rod((long / 2, 0, 0.1), (long / 2 + 0.1, 0, 0.08), 0.02, tone, 6)]
    parts += [rod((long / 2 + 0.09, 0, 0.1), (long / 2 - 0.02, 0, h), 0.018, metal(rng))]
    parts.append(rod((long / 2 - 0.02, -0.19, h), (long / 2 - 0.02, 0.19, h), 0.018, dark))
    return assemble("clutter:scooter", parts)


CLUTTER: dict[str, Builder] = {
    "pillar": _pillar,
    "pouf": _pouf,
    "radiator": _radiator,
    "book_pile": _book_pile,
    "folding_screen": _screen,
    "exercise_ball": _ball,
    "wall_clock": _wall_clock,
    "vase": _vase,
    "bowl": _bowl,
    "monitor": _monitor,
    "printer": _printer,
    "loudspeaker": _speaker,
    "scooter": _scooter,
}
ON_SURFACES = frozenset({"book_pile", "vase", "bowl", "monitor", "printer"})
"""Clutter that belongs on furniture, not on the floor."""
