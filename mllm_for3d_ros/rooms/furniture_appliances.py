"""Refrigerators, stoves, washing machines, televisions and floor lamps."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    Color,
    Furniture,
    any_color,
    appliance,
    assemble,
    chance,
    jitter,
    metal,
    pick,
    shade,
    span,
    wood,
)
from mllm_for3d_ros.rooms.mesh import Material, Part, box, cylinder, ellipsoid, lathe
from mllm_for3d_ros.rooms.solids import disc, loft, ring_y, rod, rounded_ring, soft_box, tube

DARK = Material((0.06, 0.06, 0.07))


def build_refrigerator(rng: np.random.Generator) -> Furniture:
    """Fridge-freezer, one tall door, American double door, round-edged retro, or counter height."""
    kind = pick(rng, ("combi", "combi", "tall", "american", "retro", "small"))
    w = span(rng, 0.85, 0.95) if kind == "american" else span(rng, 0.54, 0.7)
    d, h = span(rng, 0.58, 0.72), (span(rng, 0.84, 1.2) if kind == "small" else span(rng, 1.45, 2.0))
    shell = Material(any_color(rng, 0.9)) if kind == "retro" else appliance(rng)
    seal, grip = Material(shade(shell.color, 0.45)), metal(rng)
    parts = [
        box((w, d - 0.07, h), shell, (0, -0.035, 0)),
        box((w - 0.03, 0.03, h - 0.05), seal, (0, d / 2 - 0.07, 0.03)),
    ]
    split = h * (span(rng, 0.3, 0.42) if chance(rng, 0.7) else span(rng, 0.66, 0.75))
    bevel, edge = 0.05 if kind == "retro" else 0.008, pick(rng, (-1, 1))
    if kind == "american":
        panels = [(side * w / 4, w / 2 - 0.008, 0.03, h, -side) for side in (-1, 1)]
    elif kind in ("tall", "small"):
        panels = [(0.0, w, 0.03, h, edge)]
    else:
        panels = [(0.0, w, 0.03, split, edge), (0.0, w, split + 0.015, h, edge)]
    for x, wide, low, high, side in panels:
        parts.append(soft_box((wide, 0.06, high - low), shell, (x, d / 2 - 0.03, low), bevel))
        tall = min(0.45, 0.5 * (high - low))
        z = min(max((low + high) / 2 - tall / 2, 0.5), high - tall - 0.04) if high > 0.9 else high - tall - 0.05
        parts.append(box((0.025, 0.045, tall), grip, (x + side * (wide / 2 - 0.06), d / 2 + 0.02, max(z, low + 0.03))))
    if kind == "american" and chance(rng, 0.6):
        parts.append(box((0.2, 0.012, 0.32), DARK, (-w / 4, d / 2 + 0.004, h * 0.55)))
    return assemble("refrigerator", parts)


def build_stove(rng: np.random.Generator) -> Furniture:
    """Cooker with oven: four dark plates, glass hob with rings, or gas burners; knobs and an oven window."""
    w, d, h = pick(rng, (span(rng, 0.5, 0.62), span(rng, 0.5, 0.62), 0.9)), span(rng, 0.55, 0.65), span(rng, 0.84, 0.93)
    shell, grip = appliance(rng), metal(rng)
    plate = Material((0.12, 0.12, 0.13)) if shell.color[0] > 0.4 else Material((0.45, 0.45, 0.46))
    hob = pick(rng, ("plates", "glass", "gas"))
    deck = Material((0.07, 0.07, 0.08)) if hob == "glass" else shell
    parts = [box((w, d, h - 0.03), shell), box((w, d, 0.03), deck, (0, 0, h - 0.03))]
    for kx in (-1, 1):
        for ky in (-1, 1):
            r = span(rng, 0.075, 0.105)
            at = (kx * w / 4, ky * d / 4.2, h)
            mark = Material((0.5, 0.22, 0.18)) if hob == "glass" else plate
            parts.append(cylinder(r, 0.003 if hob == "glass" else 0.014, mark, at, 18))
            if hob == "glass":
                parts.append(cylinder(r - 0.014, 0.005, deck, at, 18))
            if hob == "gas":
                for a in (0, np.pi / 2):
                    parts.append(box((2.3 * r, 0.014, 0.035), DARK).turned(a).moved(*at))
    if chance(rng, 0.45):
        parts.append(box((w, 0.04, span(rng, 0.1, 0.2)), shell, (0, -d / 2 + 0.02, h)))
    panel = DARK if chance(rng, 0.4) else shell
    parts.append(box((w - 0.01, 0.02, 0.11), panel, (0, d / 2 + 0.005, h - 0.15)))
    for x in np.linspace(-w / 2 + 0.07, w / 2 - 0.07, 6):
        parts.append(disc(0.021, 0.035, grip if panel is DARK else plate, (float(x), d / 2 + 0.01, h - 0.095), 10))
    door_low, door_high = 0.2, h - 0.17
    parts.append(box((w - 0.01, 0.025, door_high - door_low), shell, (0, d / 2 + 0.005, door_low)))
    window = (w * 0.74, 0.012, (door_high - door_low) * 0.6)
    parts.append(box(window, DARK, (0, d / 2 + 0.018, door_low + 0.07)))
    z = door_high - 0.05
    parts.append(rod((-w * 0.4, d / 2 + 0.055, z), (w * 0.4, d / 2 + 0.055, z), 0.012, grip))
    parts += [box((0.02, 0.04, 0.02), grip, (s * w * 0.38, d / 2 + 0.03, z - 0.01)) for s in (-1, 1)]
    parts.append(box((w - 0.01, 0.02, 0.13), shell, (0, d / 2 + 0.005, 0.05)))
    return assemble("stove", parts)


def build_washing_machine(rng: np.random.Generator) -> Furniture:
    """Front loader with porthole, panel and drawer; slim, standard, or stacked drum with a dark door."""
    w, d, h = 0.6 + span(rng, -0.01, 0.03), span(rng, 0.42, 0.64), span(rng, 0.82, 0.88)
    if chance(rng, 0.15):
        w, h = span(rng, 0.45, 0.5), span(rng, 0.66, 0.72)
    shell = appliance(rng)
    trim = Material((0.75, 0.76, 0.78)) if chance(rng, 0.5) else Material(shade(shell.color, 0.55))
    if chance(rng, 0.25):
        trim = Material((0.12, 0.12, 0.13))
    parts = [soft_box((w, d, h - 0.02), shell, (0, 0, 0.02), 0.012), box((w - 0.08, d - 0.08, 0.03), DARK)]
    r, y, z = span(rng, 0.15, 0.2), d / 2, h * span(rng, 0.42, 0.48)
    parts += [ring_y(r, r * 0.74, 0.035, trim, (0, y, z)), disc(r * 0.76, 0.02, Material((0.2, 0.23, 0.27)), (0, y, z))]
    glass = ellipsoid((r * 0.6, 0.045, r * 0.6), Material((0.3, 0.34, 0.4)), (0, y + 0.01, z))
    parts += [glass, box((0.03, 0.02, 0.09), trim, (r * 0.88, y + 0.035, z - 0.045))]
    top = h - 0.135
    panel = shell if chance(rng, 0.5) else Material(shade(shell.color, 0.8))
    parts.append(box((w - 0.02, 0.014, 0.11), panel, (0, y, top)))
    parts.append(box((w * 0.28, 0.02, 0.08), trim if chance(rng, 0.4) else shell, (-w * 0.32, y + 0.004, top + 0.015)))
    parts.append(disc(0.032, 0.035, trim, (span(rng, -0.02, 0.06), y, top + 0.055)))
    parts.append(box((w * 0.2, 0.018, 0.04), DARK, (w * 0.31, y + 0.004, top + 0.035)))
    parts.append(box((w - 0.04, 0.01, 0.012), Material(shade(shell.color, 0.6)), (0, y, 0.11)))
    return assemble("washing_machine", parts)


def build_television(rng: np.random.Generator) -> Furniture:
    """Flat panel on the wall, on a column, on an easel, or on its own four legs; off (dark) or showing a picture."""
    w = span(rng, 0.6, 1.55)
    h, deep = w * span(rng, 0.56, 0.6), span(rng, 0.025, 0.07)
    frame = Material(
        jitter(rng, pick(rng, ((0.05, 0.05, 0.06), (0.05, 0.05, 0.06), (0.6, 0.6, 0.62), (0.9, 0.9, 0.9))), 0.01)
    )
    kind = pick(rng, ("wall", "wall", "column", "easel", "legs"))
    low = {"wall": 0.0, "column": span(rng, 0.5, 0.75), "easel": span(rng, 0.45, 0.6), "legs": span(rng, 0.35, 0.5)}[
        kind
    ]
    parts = [box((w, deep, h), frame, (0, 0, low))]
    edge = span(rng, 0.008, 0.025)
    parts += _screen(rng, w - 2 * edge, h - 2 * edge, deep / 2, low + edge)
    if kind == "wall":
        parts.append(box((0.4 * w, 0.04, 0.4 * h), DARK, (0, -deep / 2 - 0.02, 0.3 * h)))
        return assemble("television", parts, "wall", mount_height=span(rng, 0.75, 1.15))
    stand = metal(rng) if chance(rng, 0.7) else wood(rng)
    if kind == "column":
        parts.append(box((0.08, 0.04, low + 0.4 * h), stand, (0, -deep / 2 - 0.02, 0)))
        parts.append(soft_box((0.45 * w, 0.36, 0.025), stand, (0, 0, 0), 0.01))
    elif kind == "easel":
        for side in (-1, 1):
            parts.append(rod((side * 0.3 * w, 0.15, 0), (side * 0.12 * w, -deep / 2, low + 0.5 * h), 0.016, stand))
        parts.append(rod((0, -0.32, 0), (0, -deep / 2 - 0.01, low + 0.5 * h), 0.016, stand))
        parts.append(box((0.4 * w, 0.02, 0.03), stand, (0, -deep / 2 - 0.01, low + 0.3 * h)))
    else:
        parts.append(box((w, 0.16, 0.03), frame, (0, 0, low - 0.02)))
        parts += [
            rod((kx * (w / 2 - 0.04), ky * 0.16, 0), (kx * (w / 2 - 0.1), ky * 0.06, low), 0.014, stand)
            for kx in (-1, 1)
            for ky in (-1, 1)
        ]
    return assemble("television", parts)


def _screen(rng: np.random.Generator, w: float, h: float, y: float, z: float) -> list[Part]:
    if chance(rng, 0.6):
        return [box((w, 0.004, h), Material((0.03, 0.03, 0.04)), (0, y + 0.001, z))]
    glow = span(rng, 0.6, 0.95)
    horizon = span(rng, 0.3, 0.6)
    sky, ground = (Material(any_color(rng, 0.9), emission=glow) for _ in range(2))
    parts = [
        box((w, 0.004, h * horizon), ground, (0, y + 0.001, z)),
        box((w, 0.004, h * (1 - horizon)), sky, (0, y + 0.001, z + h * horizon)),
    ]
    for _ in range(int(rng.integers(1, 5))):
        bw, bh = w * span(rng, 0.08, 0.3), h * span(rng, 0.1, 0.45)
        at = (span(rng, -0.5, 0.5) * (w - bw), y + 0.003, z + span(rng, 0, 1) * (h - bh))
        parts.append(box((bw, 0.004, bh), Material(any_color(rng, 0.9), emission=glow), at))
    return parts


def build_lamp(rng: np.random.Generator) -> Furniture:
    """Floor lamp: pole with a shade, tripod, arc, paper column, uplighter or globe."""
    kind = pick(rng, ("pole", "pole", "tripod", "arc", "column", "bowl", "globe"))
    h = span(rng, 1.35, 1.85)
    white: Color = jitter(rng, (0.96, 0.9, 0.76), 0.03)
    color = white if chance(rng, 0.7) else any_color(rng, 0.8)
    light = Material(color, emission=span(rng, 0.35, 1.0))
    stand = metal(rng) if chance(rng, 0.7) else wood(rng)
    r, tall = span(rng, 0.16, 0.27), span(rng, 0.22, 0.36)
    if kind == "column":
        side, top = span(rng, 0.2, 0.34), span(rng, 0.9, 1.5)
        rings = [rounded_ring((side, side), pick(rng, (0.005, side / 2)), z, steps=4) for z in (0.04, top)]
        return assemble("lamp", [loft(rings, light), box((side + 0.03, side + 0.03, 0.04), stand)])
    shade_part = lathe([(r, h - tall), (r * span(rng, 0.5, 1.0), h)], light, sides=20)
    foot = cylinder(span(rng, 0.12, 0.17), 0.025, stand, sides=18)
    bulb = ellipsoid((0.05, 0.05, 0.06), Material((1.0, 0.95, 0.8), emission=1.0), (0, 0, h - tall * 0.5), 8)
    pole = rod((0, 0, 0), (0, 0, h - tall * 0.4), 0.013, stand)
    if kind == "pole":
        parts = [foot, pole, shade_part, bulb]
    elif kind == "tripod":
        feet = [(0.27 * float(np.cos(a)), 0.27 * float(np.sin(a)), 0.0) for a in np.arange(3) * 2 * np.pi / 3]
        parts = [shade_part, bulb, *(rod(p, (0, 0, h - tall + 0.02), 0.015, stand) for p in feet)]
    elif kind == "arc":
        reach, drop = span(rng, 0.5, 0.9), span(rng, 0.2, 0.35)
        bow = [(reach * (1 - np.cos(a)) / 2, 0.0, (h + drop) * np.sin(a)) for a in np.linspace(0, 0.7 * np.pi, 10)]
        tip = bow[-1]
        lid = lathe([(r, tip[2] - 0.17), (r * 0.75, tip[2] - 0.05), (0.02, tip[2])], light, (tip[0], 0, 0), 18)
        parts = [foot, tube(bow, 0.013, stand), lid]
    elif kind == "bowl":
        parts = [foot, pole, lathe([(0.02, h - 0.12), (r * 0.8, h - 0.06), (r, h)], light, sides=18)]
    else:
        parts = [foot, pole, ellipsoid((r * 0.8, r * 0.8, r * 0.8), light, (0, 0, h - r * 0.6))]
    return assemble("lamp", parts)
