"""Plants, rugs, pictures and waste bins."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    Color,
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
    shade,
    span,
    wood,
)
from mllm_for3d_ros.rooms.mesh import Material, Part, box, cylinder, ellipsoid, lathe
from mllm_for3d_ros.rooms.solids import basin, leaf, loft, rod, rounded_ring, soft_box, tapered_box, tube

GREENS: tuple[Color, ...] = (
    (0.16, 0.38, 0.14),
    (0.25, 0.48, 0.18),
    (0.12, 0.30, 0.16),
    (0.38, 0.52, 0.22),
    (0.2, 0.42, 0.3),
)


def build_plant(rng: np.random.Generator) -> Furniture:
    """Potted plant: broad leaves on stems, little tree, sword leaves, palm, or dense bush."""
    kind = pick(rng, ("broad", "tree", "sword", "palm", "bush"))
    top = span(rng, 0.18, 0.42)
    r = span(rng, 0.11, 0.14) + 0.25 * top
    pot = (
        paint(rng, 0.4)
        if chance(rng, 0.6)
        else Material(jitter(rng, (0.66, 0.36, 0.22)), (0.5, 0.27, 0.16), "speckle", 0.05)
    )
    shape = pick(rng, (0.7, 0.85, 1.0))
    profile = [(0, 0), (r * shape, 0), (r, top), (r * 0.9, top), (r * 0.86, top - 0.04), (0, top - 0.04)]
    soil = cylinder(r * 0.85, 0.01, Material((0.2, 0.14, 0.1)), (0, 0, top - 0.045), 14)
    parts = [lathe(profile, pot, sides=18), soil]
    base = pick(rng, GREENS)
    greens = [Material(jitter(rng, shade(base, f), 0.02)) for f in (0.8, 1.0, 1.3)]
    foliage = {"broad": _broad, "tree": _tree, "sword": _sword, "palm": _palm, "bush": _bush}[kind]
    return assemble("plant", parts + foliage(rng, top - 0.04, r, greens), against_wall=False)


def _broad(rng: np.random.Generator, z: float, r: float, greens: list[Material]) -> list[Part]:
    parts, tall = [], span(rng, 0.35, 0.95)
    for i in range(int(rng.integers(14, 30))):
        a, reach, up = i * 2.4 + span(rng, -0.3, 0.3), span(rng, 0.1, 0.35), tall * span(rng, 0.35, 1.0)
        tip = (reach * float(np.cos(a)), reach * float(np.sin(a)), z + up)
        parts.append(rod((0.03 * float(np.cos(a)), 0.03 * float(np.sin(a)), z), tip, 0.006, greens[1], 4))
        size = span(rng, 0.18, 0.32)
        parts.append(
            leaf(np.array(tip), a, span(rng, 0.1, 0.7), size, size * 0.75, span(rng, 0.6, 1.4), pick(rng, greens))
        )
    return parts


def _tree(rng: np.random.Generator, z: float, r: float, greens: list[Material]) -> list[Part]:
    trunk, crown = span(rng, 0.35, 0.9), span(rng, 0.2, 0.36)
    bark = Material((0.38, 0.28, 0.18), (0.28, 0.2, 0.13), "wood", 0.05)
    lean = span(rng, -0.06, 0.06)
    parts = [rod((0, 0, z), (lean, 0, z + trunk + crown * 0.5), 0.02, bark, 7)]
    middle = np.array([lean, 0, z + trunk + crown * 0.9])
    for i in range(150):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        at = middle + direction * crown * span(rng, 0.45, 1.0) * np.array([1, 1, 1.15])
        size, heading = span(rng, 0.1, 0.17), float(np.arctan2(direction[1], direction[0]))
        parts.append(leaf(at, heading, span(rng, -0.4, 0.6), size, size * 0.55, 0.8, greens[i % 3]))
    return [*parts, ellipsoid((crown * 0.55, crown * 0.55, crown * 0.65), greens[0], tuple(middle), 10)]


def _sword(rng: np.random.Generator, z: float, r: float, greens: list[Material]) -> list[Part]:
    parts, tall = [], span(rng, 0.4, 0.9)
    for i in range(int(rng.integers(18, 40))):
        a = span(rng, 0, 6.28)
        root = np.array([np.cos(a), np.sin(a), 0]) * r * span(rng, 0, 0.6) + [0, 0, z]
        blade = leaf(
            root, a, span(rng, 1.2, 1.5), tall * span(rng, 0.6, 1.0), span(rng, 0.05, 0.09), 0.15, greens[i % 3]
        )
        parts.append(blade)
    return parts


def _palm(rng: np.random.Generator, z: float, r: float, greens: list[Material]) -> list[Part]:
    parts, reach = [], span(rng, 0.55, 0.9)
    trunk = pick(rng, (0.0, span(rng, 0.2, 0.6)))
    if trunk:
        parts.append(rod((0, 0, z), (0, 0, z + trunk), 0.03, Material((0.42, 0.32, 0.2)), 8))
    for i in range(int(rng.integers(9, 15))):
        a, rise, droop = i * 2.4, span(rng, 0.8, 1.4), span(rng, 1.0, 1.9)
        ts = np.linspace(0, 1, 7)
        steps = np.stack([np.cos(rise - droop * ts), np.sin(rise - droop * ts)], 1) * reach / 6
        line = np.concatenate([[[0, 0]], np.cumsum(steps, 0)[:-1]])
        points = np.column_stack([line[:, 0] * np.cos(a), line[:, 0] * np.sin(a), z + trunk + line[:, 1]])
        parts.append(tube([tuple(p) for p in points], 0.006, greens[1], 4))
        for point, t in zip(points[2:], ts[2:], strict=True):
            for side in (-0.9, 0.9):
                length = 0.3 * reach * (1.2 - 0.6 * t)
                parts.append(leaf(point, a + side, 0.1, length, 0.045, 0.7, greens[i % 3]))
    return parts


def _bush(rng: np.random.Generator, z: float, r: float, greens: list[Material]) -> list[Part]:
    parts, size = [], span(rng, 0.16, 0.3)
    for i in range(14):
        spot = rng.normal(0, size * 0.5, 3)
        blob = size * span(rng, 0.35, 0.6)
        at = (float(spot[0]), float(spot[1]), z + size + abs(float(spot[2])))
        parts.append(ellipsoid((blob, blob, blob), greens[i % 3], at, 8))
    for i in range(90):
        a = span(rng, 0, 6.28)
        at_leaf = np.array([np.cos(a) * size, np.sin(a) * size, 0]) * span(rng, 0.3, 1) + [
            0,
            0,
            z + size * span(rng, 0.3, 2),
        ]
        parts.append(leaf(at_leaf, a, span(rng, -0.2, 1.0), 0.14, 0.06, 0.8, greens[i % 3]))
    return parts


def build_rug(rng: np.random.Generator) -> Furniture:
    """Thin rectangle, runner, round or oval rug; plain, bordered, patterned or ringed."""
    kind = pick(rng, ("rectangle", "rectangle", "runner", "round", "oval"))
    w = span(rng, 1.2, 2.6)
    d = {"runner": 0.7, "round": w}.get(kind, w * span(rng, 0.55, 0.75))
    if kind == "round":
        w = d = span(rng, 0.9, 2.0)
    thick = span(rng, 0.009, 0.016)
    main = Material(
        named_color(rng) if chance(rng, 0.5) else any_color(rng, 0.6),
        any_color(rng, 0.6),
        pick(rng, ("fabric", "checker", "stripes", "speckle", "plain")),
        span(rng, 0.08, 0.4),
    )
    corner = min(w, d) / 2 if kind in ("round", "oval") else 0.01
    if kind == "oval":
        d = w * 0.62
        outer = [(0.0, 0.0), (1.0, 0.0), (1.0, thick), (0.0, thick)]
        parts = [lathe(outer, main, sides=28, stretch=(w / 2, d / 2))]
    else:
        parts = [_mat(w, d, corner, thick, main)]
    for i in range(int(rng.integers(0, 4))):
        thick += 0.0015
        inset = 0.1 + 0.14 * i
        if min(w, d) - 2 * inset < 0.15:
            break
        tone = fabric(rng, 0.4, 0.6)
        if kind == "oval":
            ring = [(0.0, 0.0), (1.0, 0.0), (1.0, thick), (0.0, thick)]
            parts.append(lathe(ring, tone, sides=28, stretch=(w / 2 - inset, d / 2 - inset)))
        else:
            parts.append(_mat(w - 2 * inset, d - 2 * inset, corner, thick, tone))
    return assemble("rug", parts, "carpet", against_wall=False)


def _mat(w: float, d: float, corner: float, thick: float, material: Material) -> Part:
    return loft([rounded_ring((w, d), corner, 0, steps=8), rounded_ring((w, d), corner, thick, steps=8)], material)


def build_picture(rng: np.random.Generator) -> Furniture:
    """Framed picture: landscape, abstract blocks, portrait-like ovals or a striped print, with or without a mat."""
    w, h = span(rng, 0.28, 1.0), span(rng, 0.28, 0.8)
    if chance(rng, 0.2):
        w, h = span(rng, 0.9, 1.4), span(rng, 0.5, 0.85)
    bar, deep = span(rng, 0.012, 0.055), span(rng, 0.018, 0.04)
    frame = wood(rng) if chance(rng, 0.5) else pick(rng, (metal(rng), paint(rng)))
    mat = pick(rng, (0.0, span(rng, 0.03, 0.09)))
    parts = [box((w, deep * 0.6, h), Material(jitter(rng, (0.94, 0.93, 0.9), 0.02)))]
    parts += [box((bar, deep, h), frame, (side * (w - bar) / 2, deep * 0.2, 0)) for side in (-1, 1)]
    parts += [box((w, deep, bar), frame, (0, deep * 0.2, z)) for z in (0.0, h - bar)]
    inner = (w - 2 * (bar + mat), h - 2 * (bar + mat))
    parts += _canvas(rng, inner[0], inner[1], deep * 0.3, bar + mat)
    return assemble("picture", parts, "wall", mount_height=span(rng, 1.15, 1.6) - 0.25 * h)


def _canvas(rng: np.random.Generator, w: float, h: float, y: float, z: float) -> list[Part]:
    style = pick(rng, ("landscape", "blocks", "ovals", "print"))
    ground = Material(any_color(rng, 0.75), any_color(rng, 0.8), pick(rng, ("plain", "speckle")), 0.05)
    parts = [box((w, 0.003, h), ground, (0, y, z))]
    if style == "landscape":
        level = 0.0
        for i in range(3):
            step = h * span(rng, 0.12, 0.28)
            parts.append(box((w, 0.003 + 0.001 * i, step), Material(any_color(rng, 0.8)), (0, y + 0.001, z + level)))
            level += step
        r = 0.09 * min(w, h)
        sun = ellipsoid(
            (r, 0.003, r), Material((0.95, 0.85, 0.5)), (span(rng, -0.3, 0.3) * w, y + 0.002, z + 0.8 * h), 10
        )
        return [*parts, sun]
    if style == "print":
        stripes = Material(
            any_color(rng, 0.9), any_color(rng, 0.6), pick(rng, ("stripes", "checker", "marble")), span(rng, 0.05, 0.2)
        )
        return [*parts, box((w * 0.8, 0.004, h * 0.8), stripes, (0, y + 0.001, z + 0.1 * h))]
    for i in range(int(rng.integers(4, 9))):
        bw, bh = w * span(rng, 0.12, 0.5), h * span(rng, 0.12, 0.5)
        x, low = span(rng, -0.5, 0.5) * (w - bw), z + span(rng, 0, 1) * (h - bh)
        tone, lift = Material(any_color(rng, 0.8)), 0.0025 + 0.0004 * i
        if style == "blocks":
            parts.append(box((bw, 0.002, bh), tone, (x, y + lift, low)))
        else:
            parts.append(ellipsoid((bw / 2, 0.002 + lift / 2, bh / 2), tone, (x, y + lift, low + bh / 2), 12))
    return parts


def build_bin(rng: np.random.Generator) -> Furniture:
    """Waste bin: open paper basket (empty or with paper), pedal bin, swing-lid box, or square open bin."""
    kind = pick(rng, ("basket", "basket", "pedal", "swing", "square"))
    body, dark = (
        pick(rng, (paint(rng, 0.5), Material(named_color(rng)), Material(named_color(rng)), metal(rng))),
        Material((0.12, 0.12, 0.13)),
    )
    r, h = span(rng, 0.11, 0.17), span(rng, 0.26, 0.42)
    if kind == "basket":
        low = r * span(rng, 0.68, 0.95)
        profile = [(0, 0), (low, 0), (r, h), (r * 0.95, h), (low * 0.93, 0.015), (0, 0.015)]
        parts = [lathe(profile, body, sides=18)]
        if chance(rng, 0.5):
            parts.append(ellipsoid((low * 0.8, low * 0.8, 0.07), Material((0.9, 0.9, 0.88)), (0, 0, h * 0.45), 8))
    elif kind == "pedal":
        h *= span(rng, 1.1, 1.7)
        parts = [cylinder(r, h * 0.86, body, (0, 0, 0.02), 20), cylinder(r + 0.004, 0.03, dark, sides=20)]
        lid = body if chance(rng, 0.5) else dark
        cap = [(r + 0.004, h * 0.86), (r + 0.004, h * 0.91), (r * 0.7, h * 0.98), (0, h)]
        parts += [lathe(cap, lid, sides=20), box((0.07, 0.06, 0.015), dark, (0, r + 0.02, 0.012))]
    elif kind == "swing":
        w, d, tall = 2.1 * r, 1.7 * r, h * 1.5
        parts = [tapered_box((w * 0.8, d * 0.8), (w, d), tall * 0.75, body)]
        parts.append(
            tapered_box((w * 1.04, d * 1.04), (w * 0.6, d * 0.5), tall * 0.25, paint(rng, 0.5), (0, 0, tall * 0.75))
        )
        flap = soft_box((w * 0.5, 0.01, tall * 0.15), dark, (0, d * 0.42, tall * 0.79), 0.004)
        parts.append(flap)
    else:
        parts = [basin((2 * r, 1.6 * r, h), h - 0.02, 0.01, body, corner=0.02, slope=0.9)]
    return assemble("bin", parts)
