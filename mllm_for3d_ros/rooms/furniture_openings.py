"""Windows and doors."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    ACCENTS,
    Furniture,
    assemble,
    chance,
    fabric,
    jitter,
    metal,
    paint,
    pick,
    shade,
    span,
    surface,
    wood,
)
from mllm_for3d_ros.rooms.mesh import Material, Part, box
from mllm_for3d_ros.rooms.solids import disc, loft, rod


def build_window(rng: np.random.Generator) -> Furniture:
    """Casement, cross-barred, wide or full-height window with bright panes; some with blinds or curtains."""
    kind = pick(rng, ("casement", "bars", "wide", "tall"))
    w, h, low = span(rng, 0.7, 1.2), span(rng, 0.9, 1.35), span(rng, 0.8, 0.98)
    if kind == "wide":
        w, h = span(rng, 1.4, 2.2), span(rng, 0.8, 1.3)
    elif kind == "tall":
        w, h, low = span(rng, 0.9, 1.8), span(rng, 1.8, 2.05), span(rng, 0.1, 0.25)
    columns = {"casement": int(rng.integers(1, 3)), "bars": 2, "wide": 3, "tall": 2}[kind]
    rows = {"casement": 1, "bars": int(rng.integers(2, 4)), "wide": 1, "tall": int(rng.integers(1, 3))}[kind]
    frame = Material(jitter(rng, (0.94, 0.94, 0.93), 0.02)) if chance(rng, 0.55) else surface(rng)
    edge, bar, deep = span(rng, 0.045, 0.08), span(rng, 0.025, 0.05), span(rng, 0.05, 0.09)
    parts = _panes(rng, w - 0.02, h - 0.02)
    parts += [box((edge, deep, h), frame, (side * (w - edge) / 2, deep / 2, 0)) for side in (-1, 1)]
    parts += [box((w, deep, edge), frame, (0, deep / 2, z)) for z in (0.0, h - edge)]
    xs, zs = np.linspace(-w / 2, w / 2, columns + 1)[1:-1], np.linspace(0, h, rows + 1)[1:-1]
    parts += [box((bar, deep * 0.8, h), frame, (float(x), deep * 0.4, 0)) for x in xs]
    parts += [box((w, deep * 0.8, bar), frame, (0, deep * 0.4, float(z) - bar / 2)) for z in zs]
    parts.append(
        box((0.02, 0.03, 0.11), metal(rng), (float(xs[0]) if len(xs) else w / 2 - edge / 2, deep + 0.01, h * 0.45))
    )
    if kind != "tall" and chance(rng, 0.6):
        parts.append(box((w + 0.12, deep + span(rng, 0.08, 0.18), 0.03), frame, (0, deep / 2 + 0.06, -0.03)))
    if chance(rng, 0.2):
        blind = fabric(rng, 0.2, 0.3)
        drop = h * span(rng, 0.15, 0.4)
        parts.append(box((w - edge, 0.01, drop), blind, (0, deep + 0.005, h - drop)))
    elif chance(rng, 0.25):
        parts += _curtains(rng, w, h, deep, low)
    bottom = min(float(part.vertices[:, 2].min()) for part in parts)
    return assemble("window", parts, "wall", mount_height=low + bottom)


def _panes(rng: np.random.Generator, w: float, h: float) -> list[Part]:
    """Sky over a paler or greener horizon, self-lit."""
    glow = span(rng, 0.7, 1.0)
    sky = pick(rng, ((0.72, 0.86, 0.97), (0.86, 0.93, 0.98), (0.94, 0.96, 0.97), (0.6, 0.78, 0.95)))
    far = pick(rng, ((0.62, 0.74, 0.6), (0.8, 0.84, 0.86), (0.72, 0.7, 0.66), (0.5, 0.64, 0.46)))
    level = span(rng, 0.0, 0.4)
    parts = [box((w, 0.01, h), Material(jitter(rng, sky, 0.02), emission=glow), (0, 0.012, 0.01))]
    if level > 0.1:
        parts.append(box((w, 0.006, h * level), Material(jitter(rng, far, 0.04), emission=glow), (0, 0.016, 0.01)))
    return parts


def _curtains(rng: np.random.Generator, w: float, h: float, deep: float, sill: float) -> list[Part]:
    """Curtains at both sides that end above the floor, which is ``sill`` m below the window."""
    cloth, width = fabric(rng, 0.25, 0.5), span(rng, 0.18, 0.32)
    y, low = deep + 0.05, -min(span(rng, 0.05, 0.35), sill - 0.03)
    parts = [rod((-w / 2 - width, y, h + 0.06), (w / 2 + width, y, h + 0.06), 0.012, metal(rng))]
    xs = np.linspace(-width / 2, width / 2, 13)
    wave = 0.025 * np.cos(np.arange(13) * np.pi)
    for side in (-1, 1):
        x = xs + side * (w / 2 + width * 0.35)
        top = np.column_stack([x, y + wave, np.full(13, h + 0.05)])
        bottom = np.column_stack([x, y + wave, np.full(13, low)])
        # A thin sheet: the way back along the folds is 4 mm behind the way there.
        rings = [np.concatenate([line, line[::-1] - [0, 0.004, 0]]) for line in (bottom, top)]
        parts.append(loft(rings, cloth, caps=False))
    return parts


def build_door(rng: np.random.Generator) -> Furniture:
    """Flat, panelled, glazed or plank door of about 2 m in its frame, with a handle."""
    kind = pick(rng, ("flat", "panels", "panels", "glazed", "planks"))
    w, h = span(rng, 0.72, 1.0), span(rng, 1.96, 2.12)
    leaf = pick(rng, (wood(rng), Material(jitter(rng, (0.93, 0.93, 0.91), 0.02)), paint(rng, 0.6)))
    frame = leaf if chance(rng, 0.5) else pick(rng, (Material((0.92, 0.92, 0.9)), wood(rng)))
    edge, deep = span(rng, 0.05, 0.09), span(rng, 0.05, 0.08)
    line = Material(shade(leaf.color, 0.72), shade(leaf.color, 0.62), leaf.texture, leaf.scale)
    parts = [box((w, 0.035, h), leaf, (0, 0.0175, 0))]
    parts += [box((edge, deep, h + edge), frame, (side * (w + edge) / 2, deep / 2, 0)) for side in (-1, 1)]
    parts.append(box((w, deep, edge), frame, (0, deep / 2, h)))
    gap = Material((0.12, 0.11, 0.1))
    parts += [box((0.008, 0.037, h), gap, (side * (w / 2 - 0.003), 0.019, 0)) for side in (-1, 1)]
    parts += _door_face(rng, kind, w, h, leaf, line)
    return assemble("door", parts + _handle(rng, w, pick(rng, (-1, 1))), "wall")


def build_door_leaf(rng: np.random.Generator, w: float, h: float) -> Furniture:
    """The leaf of an open door, ``w`` x ``h`` m, free of its frame and stiff in the room."""
    kind = pick(rng, ("flat", "panels", "panels", "glazed", "planks"))
    leaf = pick(rng, (wood(rng), Material(jitter(rng, (0.93, 0.93, 0.91), 0.02)), paint(rng, 0.6)))
    line = Material(shade(leaf.color, 0.72), shade(leaf.color, 0.62), leaf.texture, leaf.scale)
    parts = [box((w, 0.035, h), leaf, (0, 0.0175, 0)), *_door_face(rng, kind, w, h, leaf, line)]
    return assemble("door", parts + _handle(rng, w, pick(rng, (-1, 1))), against_wall=False)


def _door_face(rng: np.random.Generator, kind: str, w: float, h: float, leaf: Material, line: Material) -> list[Part]:
    y = 0.037
    if kind == "panels":
        columns, rows = pick(rng, ((1, 2), (2, 2), (2, 3), (1, 4)))
        wide, tall = (w - 0.14) / columns, (h - 0.2) / rows
        parts = []
        for i in range(columns):
            for j in range(rows):
                x, z = (i - (columns - 1) / 2) * wide, 0.12 + j * tall
                parts.append(box((wide - 0.07, 0.006, tall - 0.08), line, (x, y, z)))
                parts.append(box((wide - 0.11, 0.014, tall - 0.12), leaf, (x, y + 0.002, z + 0.02)))
        return parts
    if kind == "glazed":
        glass = Material(
            pick(rng, ((0.8, 0.86, 0.86), (0.7, 0.78, 0.78), jitter(rng, pick(rng, ACCENTS[7:10])))), emission=0.25
        )
        low = pick(rng, (0.3, 1.0))
        pane = box((w * 0.6, 0.008, h - low - 0.18), glass, (0, y, low))
        return [pane, box((0.025, 0.014, h - low - 0.18), leaf, (0, y, low))]
    if kind == "planks":
        return [box((0.008, 0.005, h - 0.02), line, (float(x), y, 0.01)) for x in np.linspace(-w / 2, w / 2, 7)[1:-1]]
    return []


def _handle(rng: np.random.Generator, w: float, side: int) -> list[Part]:
    grip = metal(rng)
    x, z = side * (w / 2 - 0.07), 1.02
    if chance(rng, 0.3):
        return [disc(0.03, 0.06, grip, (x, 0.035, z), 12)]
    lever = rod((x, 0.08, z), (x - side * 0.12, 0.08, z), 0.011, grip)
    return [box((0.04, 0.01, 0.2), grip, (x, 0.04, z - 0.13)), disc(0.012, 0.05, grip, (x, 0.035, z), 8), lever]
