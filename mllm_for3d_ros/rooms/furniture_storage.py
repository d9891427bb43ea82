"""Wardrobes and bookshelves."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.rooms.furniture_base import (
    Furniture,
    any_color,
    assemble,
    chance,
    four_legs,
    metal,
    paint,
    pick,
    span,
    surface,
)
from mllm_for3d_ros.rooms.mesh import Material, Part, box, lathe
from mllm_for3d_ros.rooms.solids import rod


def build_wardrobe(rng: np.random.Generator) -> Furniture:
    """Tall cupboard: hinged doors, sliding doors, doors over drawers, or an old one on feet."""
    kind = pick(rng, ("hinged", "hinged", "sliding", "drawers", "cornice"))
    doors = int(rng.integers(2, 5)) if kind != "sliding" else int(rng.integers(2, 4))
    each = span(rng, 0.4, 0.52) if kind != "sliding" else span(rng, 0.7, 0.95)
    w, d, h = min(doors * each + 0.04, 2.4), span(rng, 0.5, 0.66), span(rng, 1.75, 2.3)
    body = surface(rng)
    front = body if chance(rng, 0.65) else paint(rng)
    grip = metal(rng)
    foot = 0.12 if kind == "cornice" else pick(rng, (0.0, 0.05))
    parts = [box((w, d - 0.02, h - foot), body, (0, -0.01, foot))]
    low = foot + 0.03
    if kind == "drawers":
        low = foot + span(rng, 0.4, 0.6)
        parts += _drawers(w, d, foot + 0.03, low, front, grip)
    if kind == "sliding":
        parts += _sliding(rng, doors, w, d, low, h, front)
    else:
        parts += _hinged(rng, doors, w, d, low, h, front, grip)
    if kind == "cornice":
        parts.append(box((w + 0.08, d + 0.05, 0.07), body, (0, 0, h)))
        parts += four_legs((w, d), foot, 0.07, body)
    elif foot:
        parts.append(box((w - 0.06, d - 0.08, foot), Material((0.12, 0.12, 0.12)), (0, -0.02, 0)))
    return assemble("wardrobe", parts)


def _hinged(
    rng: np.random.Generator, doors: int, w: float, d: float, low: float, h: float, front: Material, grip: Material
) -> list[Part]:
    each, parts = (w - 0.02) / doors, []
    long_grip, framed = chance(rng, 0.6), chance(rng, 0.4)
    mirror = int(rng.integers(doors)) if chance(rng, 0.2) else -1
    for i in range(doors):
        x = (i - (doors - 1) / 2) * each
        parts.append(box((each - 0.012, 0.02, h - low - 0.03), front, (x, d / 2 - 0.01, low)))
        if i == mirror:
            glass = Material((0.72, 0.78, 0.8), (0.6, 0.67, 0.7), "stripes", 0.9)
            parts.append(box((each - 0.08, 0.006, h - low - 0.15), glass, (x, d / 2 + 0.003, low + 0.06)))
        elif framed:
            parts += _door_frame(x, each, d, low, h, front)
        side = 1 if i % 2 == 0 else -1
        if doors % 2 and i == doors - 1:
            side = -1
        x_grip, z_grip = x + side * (each / 2 - 0.05), min(low + 0.45 * (h - low), 1.1)
        tall = 0.3 if long_grip else 0.035
        parts.append(box((0.02 if long_grip else 0.035, 0.03, tall), grip, (x_grip, d / 2 + 0.015, z_grip - tall / 2)))
    return parts


def _door_frame(x: float, each: float, d: float, low: float, h: float, front: Material) -> list[Part]:
    tall, y = h - low - 0.03, d / 2 + 0.006
    parts = [box((0.06, 0.012, tall), front, (x + s * (each / 2 - 0.036), y, low)) for s in (-1, 1)]
    return parts + [
        box((each - 0.012, 0.012, 0.07), front, (x, y, z)) for z in (low, low + tall * 0.5, low + tall - 0.07)
    ]


def _sliding(
    rng: np.random.Generator, doors: int, w: float, d: float, low: float, h: float, front: Material
) -> list[Part]:
    each, parts = (w - 0.02) / doors, []
    second = front if chance(rng, 0.5) else paint(rng, 0.5)
    rail = metal(rng)
    for i in range(doors):
        x, y = (i - (doors - 1) / 2) * each, d / 2 + 0.02 * (i % 2)
        tall = h - low - 0.04
        parts.append(box((each - 0.03, 0.02, tall), second if i % 2 else front, (x, y, low)))
        parts += [box((0.025, 0.026, tall), rail, (x + s * (each - 0.025) / 2, y, low)) for s in (-1, 1)]
    parts.append(box((w, 0.06, 0.03), rail, (0, d / 2 + 0.01, h - 0.035)))
    return parts


def _drawers(w: float, d: float, low: float, high: float, front: Material, grip: Material) -> list[Part]:
    parts = []
    tall = (high - low) / 2
    for i in range(2):
        for side in (-1, 1):
            x, z = side * w / 4, low + i * tall
            parts.append(box((w / 2 - 0.02, 0.02, tall - 0.014), front, (x, d / 2 - 0.01, z)))
            parts.append(box((0.14, 0.03, 0.02), grip, (x, d / 2 + 0.01, z + tall / 2)))
    return parts


def build_bookshelf(rng: np.random.Generator) -> Furniture:
    """Open shelves with rows of books: closed sides, grid, industrial posts, or a leaning ladder."""
    kind = pick(rng, ("cased", "cased", "grid", "posts", "ladder"))
    columns = {"cased": int(rng.integers(1, 3)), "grid": int(rng.integers(2, 5))}.get(kind, 1)
    each = span(rng, 0.33, 0.42) if kind == "grid" else span(rng, 0.4, 0.85 if columns == 1 else 0.65)
    rows = int(rng.integers(2, 5)) if kind == "grid" else int(rng.integers(3, 7))
    pitch = each if kind == "grid" else span(rng, 0.3, 0.38)
    w, d, board = columns * each + 0.02, span(rng, 0.24, 0.38), span(rng, 0.016, 0.035)
    h = rows * pitch + board
    body = surface(rng)
    uprights = metal(rng) if kind == "posts" else body
    parts = [
        box((w, d, board), body, (0, 0, min(i * pitch, h - board)))
        for i in range(0 if kind != "posts" else 1, rows + 1)
    ]
    if kind == "posts":
        parts += four_legs((w, d), h, 0.03, uprights)
    elif kind == "ladder":
        for side in (-1, 1):
            x = side * w / 2
            parts.append(rod((x, d / 2 + 0.08, 0), (x, -d / 2, h + 0.12), 0.02, uprights, 6))
            parts.append(rod((x, -d / 2, 0), (x, -d / 2, h + 0.12), 0.02, uprights, 6))
    else:
        xs = np.linspace(-w / 2 + board / 2, w / 2 - board / 2, columns + 1)
        parts += [box((board, d, h), uprights, (float(x), 0, 0)) for x in xs]
        if chance(rng, 0.6):
            parts.append(box((w - 0.01, 0.008, h - 0.01), body, (0, -d / 2 + 0.006, 0.005)))
    palette = [Material(any_color(rng, 0.65)) for _ in range(7)]
    room = 130 // (columns * rows)
    for row in range(1 if kind == "posts" else 0, rows):
        for column in range(columns):
            x = (column - (columns - 1) / 2) * each
            parts += _fill(rng, x, each - board - 0.02, d, row * pitch + board, pitch - board, room, palette)
    return assemble("bookshelf", parts)


def _fill(
    rng: np.random.Generator, x: float, w: float, d: float, z: float, h: float, room: int, palette: list[Material]
) -> list[Part]:
    """Content of one compartment: books mostly, seldom a pile of books, a vase or nothing."""
    draw = rng.random()
    if draw < 0.08:
        return []
    if draw < 0.16:
        wide, deep = min(w * 0.85, 0.26), d * 0.7
        return [box((wide * (1 - 0.06 * i), deep, 0.032), pick(rng, palette), (x, 0, z + 0.034 * i)) for i in range(4)]
    if draw < 0.22:
        profile = [(0, 0), (0.05, 0), (0.08, h * 0.3), (0.03, h * 0.6), (0.045, h * 0.7)]
        return [lathe(profile, pick(rng, palette), (x, 0, z), 10)]
    parts, at = [], -w / 2
    limit = w * span(rng, 0.55, 1.0) - w / 2
    thin = max(0.016, 0.75 * w / max(room, 1))
    while at < limit - 0.02:
        thick = span(rng, thin, thin * 2.2)
        if at + thick > w / 2:
            break
        tall, deep = h * span(rng, 0.55, 0.9), d * span(rng, 0.55, 0.8)
        parts.append(box((thick - 0.003, deep, tall), pick(rng, palette), (x + at + thick / 2, -d * 0.05, z)))
        at += thick
    return parts
