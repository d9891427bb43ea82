"""Small things that stand on furniture: cups, bottles, microwave ovens and laptops."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    ACCENTS,
    Furniture,
    any_color,
    appliance,
    assemble,
    chance,
    jitter,
    metal,
    named_color,
    pick,
    shade,
    span,
)
from mllm_for3d_ros.rooms.mesh import Material, Part, box, cylinder, lathe, rotation_x
from mllm_for3d_ros.rooms.solids import disc, soft_box, tube

_BLACK = Material((0.05, 0.05, 0.06))


def build_cup(rng: np.random.Generator) -> Furniture:
    """Straight mug, tapered cup on a saucer, bellied mug or tall mug, all with a handle."""
    kind = pick(rng, ("mug", "mug", "saucer", "belly", "tall"))
    glaze = Material(named_color(rng))
    inside = glaze if chance(rng, 0.4) else Material(jitter(rng, (0.93, 0.92, 0.9), 0.02))
    r = span(rng, 0.042, 0.05)
    h = {"mug": span(rng, 0.09, 0.11), "saucer": span(rng, 0.07, 0.085), "tall": span(rng, 0.11, 0.125)}.get(kind, 0.1)
    outer = {
        "saucer": [(0, 0), (r * 0.55, 0), (r * 0.9, h * 0.4), (r * 1.1, h)],
        "belly": [(0, 0), (r * 0.75, 0), (r * 1.12, h * 0.4), (r, h)],
    }.get(kind, [(0, 0), (r * 0.95, 0), (r, 0.01), (r, h)])
    mouth = outer[-1][0]
    parts = [
        lathe(outer, glaze, sides=14),
        lathe([(mouth, h), (mouth * 0.88, h), (mouth * 0.8, h * 0.25), (0, h * 0.2)], inside, sides=14),
    ]
    bow = [
        (mouth * 0.85, 0, h * 0.85),
        (mouth + 0.03, 0, h * 0.8),
        (mouth + 0.034, 0, h * 0.45),
        (r * 0.85, 0, h * 0.25),
    ]
    parts.append(tube(bow, 0.007, glaze, 6))
    if kind == "saucer":
        lift = 0.012
        plate = lathe([(0, 0), (0.05, 0), (0.08, lift), (0.078, lift + 0.004), (0, 0.006)], glaze, sides=16)
        parts = [plate, *(part.moved(z=0.006) for part in parts)]
    elif chance(rng, 0.3):
        band = Material(named_color(rng))
        wall = [(r * 1.14 if kind == "belly" else r + 0.001, h * z) for z in (0.35, 0.6)]
        parts.append(lathe(wall, band, sides=14))
    return assemble("cup", parts, against_wall=False)


def build_bottle(rng: np.random.Generator) -> Furniture:
    """Wine bottle, water bottle, sports flask with a lid, or big soda bottle."""
    kind = pick(rng, ("wine", "water", "flask", "flask", "soda"))
    if kind == "flask":
        return assemble("bottle", _flask(rng), against_wall=False)
    r, h = {
        "wine": (span(rng, 0.037, 0.042), span(rng, 0.29, 0.33)),
        "water": (span(rng, 0.034, 0.042), span(rng, 0.22, 0.28)),
        "soda": (span(rng, 0.045, 0.052), span(rng, 0.3, 0.35)),
    }[kind]
    tones = {
        "wine": ((0.08, 0.2, 0.08), (0.28, 0.14, 0.05), (0.05, 0.05, 0.06), (0.75, 0.7, 0.45)),
        "water": ((0.62, 0.78, 0.9), (0.2, 0.5, 0.75), (0.3, 0.65, 0.4), (0.85, 0.9, 0.92)),
        "soda": ((0.15, 0.5, 0.2), (0.3, 0.12, 0.06), (0.9, 0.5, 0.1), (0.78, 0.12, 0.12), (0.7, 0.82, 0.9)),
    }[kind]
    glass = Material(jitter(rng, pick(rng, tones), 0.03))
    neck = 0.014 if kind != "soda" else 0.016
    shoulder = {"wine": 0.62, "water": 0.72, "soda": 0.66}[kind]
    profile = [(0, 0), (r, 0), (r, h * shoulder), (neck, h * (shoulder + 0.15)), (neck, h), (0, h)]
    low, high = h * 0.2, h * span(rng, 0.42, 0.55)
    parts = [
        lathe(profile, glass, sides=14),
        lathe([(r + 0.001, low), (r + 0.001, high)], Material(any_color(rng, 0.7)), sides=14),
        cylinder(
            neck + 0.004, 0.03 if kind != "wine" else h * 0.12, Material(any_color(rng, 0.8)), (0, 0, h - 0.02), 10
        ),
    ]
    return assemble("bottle", parts, against_wall=False)


def _flask(rng: np.random.Generator) -> list[Part]:
    r, h = span(rng, 0.035, 0.045), span(rng, 0.2, 0.29)
    body, lid = Material(named_color(rng)), pick(rng, (_BLACK, metal(rng), Material(named_color(rng))))
    profile = [(0, 0), (r, 0), (r, h * 0.78), (r * 0.68, h * 0.86), (r * 0.68, h * 0.88)]
    parts = [lathe(profile, body, sides=14), cylinder(r * 0.75, h * 0.14, lid, (0, 0, h * 0.86), 12)]
    if chance(rng, 0.5):
        loop = [(-r * 0.6, 0, h * 0.98), (-r * 0.5, 0, h * 1.08), (r * 0.5, 0, h * 1.08), (r * 0.6, 0, h * 0.98)]
        parts.append(tube(loop, 0.006, lid, 6))
    return parts


def build_microwave(rng: np.random.Generator) -> Furniture:
    """Microwave oven: dark window door and a panel with buttons, dials or a display; white, steel, dark or retro."""
    w, d, h = span(rng, 0.44, 0.56), span(rng, 0.32, 0.4), span(rng, 0.25, 0.32)
    kind = pick(rng, ("buttons", "dials", "retro"))
    shell = Material(jitter(rng, pick(rng, ACCENTS))) if kind == "retro" else appliance(rng)
    pane, trim = Material((0.07, 0.08, 0.09)), Material(shade(shell.color, 0.6))
    grip, y = metal(rng), d / 2
    parts = [soft_box((w, d, h), shell, (0, 0, 0.012), 0.03 if kind == "retro" else 0.006)]
    parts += [box((0.04, 0.04, 0.02), _BLACK, (kx * w * 0.4, ky * d * 0.38, 0)) for kx in (-1, 1) for ky in (-1, 1)]
    door = w * span(rng, 0.68, 0.75)
    x = -w / 2 + door / 2 + 0.01
    parts.append(box((door - 0.01, 0.012, h - 0.02), shell if chance(rng, 0.6) else _BLACK, (x, y, 0.022)))
    parts.append(box((door - 0.09, 0.008, h - 0.11), pane, (x - 0.01, y + 0.006, 0.065)))
    parts.append(box((0.016, 0.03, h * 0.7), grip, (x + door / 2 - 0.025, y + 0.015, 0.012 + h * 0.15)))
    side = w / 2 - (w - door) / 2
    parts.append(box((w - door - 0.025, 0.01, h - 0.03), trim if chance(rng, 0.5) else _BLACK, (side, y, 0.027)))
    glow = Material((0.2, 0.9, 0.6), emission=0.8)
    if kind == "buttons":
        parts.append(box((w - door - 0.06, 0.004, 0.025), glow, (side, y + 0.006, h * 0.8)))
        for row in range(4):
            for column in (-1, 0, 1):
                at = (side + column * 0.025, y + 0.006, h * (0.2 + 0.13 * row))
                parts.append(box((0.018, 0.006, 0.018), Material((0.75, 0.75, 0.76)), at))
    else:
        parts += [disc(0.028, 0.025, grip, (side, y, h * z), 12) for z in (0.32, 0.68)]
    return assemble("microwave", parts)


def build_laptop(rng: np.random.Generator) -> Furniture:
    """Open laptop of 13 to 17 inches, screen dark or lit; silver, black, white or coloured."""
    w = span(rng, 0.31, 0.4)
    d, thick = w * span(rng, 0.65, 0.7), span(rng, 0.014, 0.022)
    tones = ((0.75, 0.76, 0.78), (0.75, 0.76, 0.78), (0.1, 0.1, 0.11), (0.35, 0.36, 0.38), (0.92, 0.92, 0.92))
    case = Material(jitter(rng, pick(rng, tones), 0.03) if chance(rng, 0.75) else named_color(rng))
    keys = _BLACK if chance(rng, 0.75) else Material((0.85, 0.85, 0.85))
    parts = [box((w, d, thick), case), box((w * 0.88, d * 0.45, 0.003), keys, (0, -d * 0.14, thick))]
    parts.append(box((w * 0.3, d * 0.26, 0.002), Material(shade(case.color, 0.85)), (0, d * 0.29, thick)))
    screen = [box((w, 0.008, d), case, (0, -0.004, 0)), box((w - 0.008, 0.004, d - 0.008), _BLACK, (0, 0.001, 0.004))]
    lit = chance(rng, 0.6)
    shown = Material(any_color(rng, 0.8), emission=span(rng, 0.5, 0.9)) if lit else Material((0.03, 0.03, 0.04))
    screen.append(box((w - 0.025, 0.003, d - 0.03), shown, (0, 0.003, 0.018)))
    if lit:
        for _ in range(int(rng.integers(1, 4))):
            bw, bh = w * span(rng, 0.15, 0.5), d * span(rng, 0.1, 0.5)
            at = (span(rng, -0.5, 0.5) * (w * 0.9 - bw), 0.005, 0.03 + span(rng, 0, 1) * (d * 0.85 - bh))
            screen.append(box((bw, 0.003, bh), Material(any_color(rng, 0.6), emission=0.7), at))
    tilt, hinge = rotation_x(span(rng, 0.1, 0.5)), np.array([0, -d / 2 + 0.004, thick * 0.6])
    return assemble(
        "laptop", [*parts, *(part.transformed(tilt, hinge) for part in screen)], against_wall=False, named_by=case
    )
