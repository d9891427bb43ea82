"""Things that are carried about: backpacks, suitcases, boxes and cushions."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    Furniture,
    assemble,
    chance,
    dyed,
    fabric,
    jitter,
    metal,
    named_color,
    pick,
    shade,
    span,
    wood,
)
from mllm_for3d_ros.rooms.mesh import Material, Part, box, ellipsoid, rotation_x
from mllm_for3d_ros.rooms.solids import loft, rod, rounded_ring, soft_box, tube

_BLACK = Material((0.1, 0.1, 0.11))
_CARD = Material((0.68, 0.52, 0.35), (0.6, 0.45, 0.3), "speckle", 0.03)


def build_backpack(rng: np.random.Generator) -> Furniture:
    """School backpack with a round top, roll-top, hiking pack with a lid, or small day pack."""
    kind = pick(rng, ("school", "school", "roll", "hiking", "day"))
    w, d, h = {
        "school": (span(rng, 0.3, 0.36), span(rng, 0.17, 0.22), span(rng, 0.42, 0.5)),
        "roll": (span(rng, 0.28, 0.34), span(rng, 0.15, 0.19), span(rng, 0.46, 0.56)),
        "hiking": (span(rng, 0.32, 0.38), span(rng, 0.22, 0.27), span(rng, 0.58, 0.68)),
        "day": (span(rng, 0.24, 0.29), span(rng, 0.14, 0.17), span(rng, 0.34, 0.4)),
    }[kind]
    cloth = dyed(rng, 0.08)
    second = cloth if chance(rng, 0.4) else (_BLACK if chance(rng, 0.5) else Material(named_color(rng)))
    levels = {
        "roll": ((0.9, 0.9, 0.0), (1.0, 1.0, 0.06), (1.0, 0.9, 0.7), (1.0, 0.35, 0.92), (0.98, 0.3, 1.0)),
        "hiking": ((0.8, 0.8, 0.0), (1.0, 1.0, 0.1), (0.95, 1.0, 0.75), (0.85, 0.9, 0.8), (0.8, 0.85, 0.82)),
    }.get(kind, ((0.9, 0.9, 0.0), (1.0, 1.0, 0.06), (1.0, 0.95, 0.6), (0.9, 0.75, 0.85), (0.6, 0.4, 1.0)))
    rings = [rounded_ring((w * a, d * b), 0.05, h * z, steps=3) for a, b, z in levels]
    parts = [loft(rings, cloth)]
    pocket = (w * 0.78, 0.07, h * span(rng, 0.35, 0.45))
    parts.append(soft_box(pocket, second, (0, d / 2 + 0.015, h * 0.06), 0.025))
    parts.append(box((w * 0.6, 0.006, 0.012), _BLACK, (0, d / 2 + 0.052, h * 0.3)))
    if kind == "hiking":
        parts.append(soft_box((w * 0.95, d * 1.05, h * 0.2), second, (0, 0.01, h * 0.8), 0.04))
        parts += [soft_box((0.07, d * 0.7, h * 0.35), cloth, (s * (w / 2 + 0.01), 0, h * 0.06), 0.025) for s in (-1, 1)]
    if kind == "roll":
        parts.append(soft_box((w * 0.7, 0.012, h * 0.5), _BLACK, (0, d / 2, h * 0.45), 0.004))
    for side in (-1, 1):
        x = side * w * 0.27
        strap = [
            (x, -d * 0.3, h * 0.88),
            (x, -d / 2 - 0.05, h * 0.7),
            (x, -d / 2 - 0.04, h * 0.3),
            (x, -d * 0.45, h * 0.08),
        ]
        parts.append(tube(strap, 0.016, _BLACK, 6))
    top = h * (0.98 if kind != "hiking" else 0.97)
    parts.append(
        tube(
            [
                (-0.04, -d * 0.1, top),
                (-0.03, -d * 0.1, top + 0.05),
                (0.03, -d * 0.1, top + 0.05),
                (0.04, -d * 0.1, top),
            ],
            0.008,
            _BLACK,
            5,
        )
    )
    return assemble("backpack", parts)


def build_cushion(rng: np.random.Generator) -> Furniture:
    """Throw pillow: square, oblong, round or bolster; flat, or upright and leaning back."""
    kind = pick(rng, ("square", "square", "oblong", "round", "bolster"))
    cover = dyed(rng, 0.35)
    if kind == "bolster":
        r, half = span(rng, 0.08, 0.11), span(rng, 0.17, 0.24)
        parts = [rod((-half, 0, r), (half, 0, r), r, cover, 12)]
        parts += [
            rod((s * half, 0, r), (s * (half + 0.012), 0, r), r * 0.5, Material(named_color(rng)), 10) for s in (-1, 1)
        ]
        return assemble("cushion", parts, against_wall=False)
    w, thick = span(rng, 0.38, 0.5), span(rng, 0.12, 0.17)
    d = w * span(rng, 0.6, 0.72) if kind == "oblong" else w
    if kind == "round":
        pad = ellipsoid((w / 2, w / 2, thick / 2), cover, (0, 0, thick / 2), 16)
    else:
        shape = ((0.55, 0.0), (0.84, 0.17), (1.0, 0.5), (0.84, 0.83), (0.55, 1.0))
        pad = loft([rounded_ring((w * f, d * f), 0.05, thick * z, steps=3) for f, z in shape], cover)
    parts = [pad]
    if kind == "square" and chance(rng, 0.25):
        parts.append(ellipsoid((0.02, 0.02, 0.012), Material(named_color(rng)), (0, 0, thick), 8))
    if chance(rng, 0.6):
        upright = rotation_x(np.pi / 2 - span(rng, 0.1, 0.35))
        parts = [part.transformed(upright) for part in parts]
    return assemble("cushion", parts, against_wall=False)


def build_suitcase(rng: np.random.Generator) -> Furniture:
    """Ribbed trolley, soft trolley, suitcase lying flat, or old leather suitcase with straps."""
    kind = pick(rng, ("trolley", "trolley", "soft", "flat", "leather"))
    w, d, h = span(rng, 0.36, 0.48), span(rng, 0.2, 0.28), span(rng, 0.5, 0.7)
    shell, grip = Material(named_color(rng)), metal(rng)
    if kind == "leather":
        return assemble("suitcase", _leather_case(rng, h, d * 0.8, w))
    wheels = [box((0.05, 0.05, 0.06), _BLACK, (kx * w * 0.36, ky * d * 0.3, 0)) for kx in (-1, 1) for ky in (-1, 1)]
    if kind == "soft":
        cloth = Material(shell.color, shade(shell.color, 0.8), "fabric", 0.03)
        parts = [soft_box((w, d, h), cloth, (0, 0, 0.04), 0.05)]
        parts.append(soft_box((w * 0.82, 0.06, h * 0.5), cloth, (0, d / 2, 0.1), 0.02))
        parts.append(soft_box((w * 0.82, 0.05, h * 0.24), cloth, (0, d / 2, 0.14 + h * 0.52), 0.02))
        parts += [box((w * 0.7, 0.006, 0.012), _BLACK, (0, d / 2 + 0.03, z)) for z in (h * 0.55, h * 0.85)]
    else:
        parts = [soft_box((w, d, h), shell, (0, 0, 0.04), 0.045)]
        dark = Material(shade(shell.color, 0.7))
        for x in np.linspace(-0.36, 0.36, 5):
            parts += [
                box((0.018, 0.012, h * 0.84), dark, (float(x) * w, s * (d / 2 + 0.003), 0.04 + h * 0.08))
                for s in (-1, 1)
            ]
        parts.append(box((w + 0.006, 0.014, h - 0.08), grip, (0, 0, 0.08)))
    parts += [*wheels, box((0.18, 0.03, 0.035), _BLACK, (0, 0, h + 0.035))]
    if kind == "flat":
        down = rotation_x(np.pi / 2)
        return assemble("suitcase", [part.transformed(down) for part in parts], against_wall=chance(rng, 0.5))
    if chance(rng, 0.5):
        tall, y = h + span(rng, 0.25, 0.42), -d * 0.36
        parts += [rod((s * 0.1, y, h), (s * 0.1, y, tall), 0.009, grip, 6) for s in (-1, 1)]
        parts.append(box((0.24, 0.03, 0.03), _BLACK, (0, y, tall)))
    return assemble("suitcase", parts)


def _leather_case(rng: np.random.Generator, w: float, d: float, h: float) -> list[Part]:
    tones = ((0.42, 0.24, 0.12), (0.6, 0.4, 0.22), (0.28, 0.16, 0.1), (0.45, 0.12, 0.1), (0.16, 0.28, 0.22))
    hide = Material(jitter(rng, pick(rng, tones), 0.03))
    strap, brass = Material(shade(hide.color, 0.55)), Material((0.72, 0.58, 0.3))
    parts = [soft_box((w, d, h), hide, (0, 0, 0), 0.025)]
    for side in (-1, 1):
        parts.append(box((0.035, d + 0.008, h + 0.008), strap, (side * w * 0.28, 0, 0)))
        parts.append(box((0.045, 0.012, 0.04), brass, (side * w * 0.28, d / 2 + 0.006, h * 0.6)))
        for z in (0.0, h - 0.06):
            parts.append(box((0.06, d + 0.006, 0.06), strap, (side * (w / 2 - 0.028), 0, z)))
    grip = [(-0.08, 0, h), (-0.07, 0, h + 0.05), (0.07, 0, h + 0.05), (0.08, 0, h)]
    return [*parts, tube(grip, 0.012, strap, 6)]


def build_box(rng: np.random.Generator) -> Furniture:
    """Closed or open cardboard box, two stacked ones, crate of slats, or plastic crate with or without a lid."""
    kind = pick(rng, ("closed", "open", "stack", "slats", "lidded", "tub"))
    w, d, h = span(rng, 0.3, 0.55), span(rng, 0.25, 0.42), span(rng, 0.2, 0.4)
    makers = {"closed": _closed, "open": _open, "stack": _stack, "slats": _slats, "lidded": _lidded, "tub": _tub}
    return assemble("box", makers[kind](rng, w, d, h), against_wall=chance(rng, 0.7))


def _board(rng: np.random.Generator) -> Material:
    return _CARD if chance(rng, 0.7) else Material(named_color(rng))


def _closed(rng: np.random.Generator, w: float, d: float, h: float) -> list[Part]:
    board = _board(rng)
    tape = Material((0.8, 0.7, 0.5)) if chance(rng, 0.7) else Material(named_color(rng))
    parts = [box((w, d, h), board), box((0.05, d + 0.004, h + 0.002), tape)]
    parts.append(box((w * 0.3, 0.004, h * 0.3), Material((0.93, 0.93, 0.9)), (w * 0.27, d / 2 + 0.002, h * 0.35)))
    return parts


def _open(rng: np.random.Generator, w: float, d: float, h: float) -> list[Part]:
    board = _board(rng)
    parts = [box((w, d, 0.01), board)]
    for side in (-1, 1):
        parts.append(box((0.008, d, h), board, (side * (w - 0.008) / 2, 0, 0)))
        parts.append(box((w, 0.008, h), board, (0, side * (d - 0.008) / 2, 0)))
        lean = rotation_x(-side * span(rng, 0.7, 2.0))
        flap = box((w, 0.006, d * 0.4), board)
        parts.append(flap.transformed(lean, np.array([0, side * (d - 0.006) / 2, h - 0.004])))
    filling = soft_box((w * 0.9, d * 0.9, h * span(rng, 0.3, 0.8)), fabric(rng, 0.3, 0.7), bevel=0.03)
    return [*parts, filling.moved(z=0.01)]


def _stack(rng: np.random.Generator, w: float, d: float, h: float) -> list[Part]:
    top = [part.turned(span(rng, -0.25, 0.25)).moved(z=h) for part in _closed(rng, w * 0.75, d * 0.8, h * 0.7)]
    return [*_closed(rng, w, d, h), *top]


def _slats(rng: np.random.Generator, w: float, d: float, h: float) -> list[Part]:
    timber = wood(rng) if chance(rng, 0.7) else Material(named_color(rng))
    parts = [box((w - 0.02, d - 0.02, 0.015), timber, (0, 0, 0.01))]
    count, high = 3, h / 3
    for i in range(count):
        z = i * high
        parts += [box((w, 0.014, high * 0.72), timber, (0, s * (d - 0.014) / 2, z)) for s in (-1, 1)]
        parts += [box((0.014, d, high * 0.72), timber, (s * (w - 0.014) / 2, 0, z)) for s in (-1, 1)]
    posts = [(kx, ky) for kx in (-1, 1) for ky in (-1, 1)]
    return parts + [box((0.03, 0.03, h), timber, (kx * (w / 2 - 0.028), ky * (d / 2 - 0.028), 0)) for kx, ky in posts]


def _lidded(rng: np.random.Generator, w: float, d: float, h: float) -> list[Part]:
    body, lid = Material(named_color(rng)), Material(named_color(rng))
    rings = [rounded_ring((w * f, d * f), 0.03, z) for f, z in ((0.9, 0.0), (1.0, h))]
    parts = [loft(rings, body), box((w + 0.02, d + 0.02, 0.03), lid, (0, 0, h))]
    return parts + [box((0.025, 0.1, 0.03), lid, (s * (w / 2 + 0.012), 0, h - 0.03)) for s in (-1, 1)]


def _tub(rng: np.random.Generator, w: float, d: float, h: float) -> list[Part]:
    h = min(h, 0.62 * w)
    body = Material(named_color(rng))
    levels = ((0.86, 0.0), (0.97, h), (1.04, h), (1.04, h + 0.012), (0.95, h + 0.012), (0.84, 0.015))
    parts = [loft([rounded_ring((w * f, d * f), 0.04, z, steps=3) for f, z in levels], body)]
    for _ in range(int(rng.integers(2, 5))):
        r = span(rng, 0.05, 0.07)
        at = (span(rng, -0.26, 0.26) * w, span(rng, -0.18, 0.18) * d, span(rng, 0.45, 0.85) * h)
        parts.append(ellipsoid((r, r, r), Material(named_color(rng)), at, 10))
    return parts
