"""What all furniture shares: the dataclass, the palettes of materials, and the assembly of parts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from mllm_for3d_ros.rooms.mesh import Material, Part, box

Color = tuple[float, float, float]
T = TypeVar("T")
Builder = Callable[[np.random.Generator], "Furniture"]

WOODS: tuple[tuple[Color, Color], ...] = (
    ((0.82, 0.68, 0.48), (0.72, 0.56, 0.36)),
    ((0.68, 0.48, 0.29), (0.56, 0.37, 0.20)),
    ((0.45, 0.28, 0.16), (0.34, 0.20, 0.11)),
    ((0.27, 0.18, 0.12), (0.19, 0.12, 0.08)),
    ((0.88, 0.80, 0.66), (0.80, 0.70, 0.54)),
    ((0.55, 0.50, 0.44), (0.45, 0.40, 0.34)),
)
NEUTRALS: tuple[Color, ...] = (
    (0.93, 0.93, 0.92),
    (0.86, 0.85, 0.82),
    (0.65, 0.65, 0.66),
    (0.42, 0.43, 0.45),
    (0.24, 0.25, 0.27),
    (0.10, 0.10, 0.11),
    (0.84, 0.77, 0.66),
    (0.58, 0.48, 0.38),
)
ACCENTS: tuple[Color, ...] = (
    (0.72, 0.16, 0.15),
    (0.15, 0.30, 0.58),
    (0.16, 0.42, 0.30),
    (0.88, 0.70, 0.20),
    (0.85, 0.45, 0.16),
    (0.45, 0.22, 0.45),
    (0.10, 0.45, 0.50),
    (0.70, 0.82, 0.88),
    (0.78, 0.86, 0.74),
    (0.92, 0.76, 0.76),
    (0.14, 0.18, 0.32),
    (0.95, 0.50, 0.10),
    (0.50, 0.20, 0.62),
    (0.92, 0.48, 0.66),
)
NAMED: tuple[Color, ...] = (
    (0.80, 0.10, 0.10),
    (0.12, 0.28, 0.72),
    (0.12, 0.52, 0.20),
    (0.93, 0.80, 0.14),
    (0.95, 0.50, 0.08),
    (0.46, 0.16, 0.60),
    (0.93, 0.50, 0.68),
    (0.40, 0.24, 0.12),
    (0.06, 0.06, 0.06),
    (0.95, 0.95, 0.94),
    (0.52, 0.52, 0.53),
    (0.84, 0.76, 0.60),
)
"""One typical colour for each everyday colour name, red to beige."""
_SAME_COLOR = 0.2
_SECOND_SHARE = {"plain": 0.0, "tiles": 0.15, "marble": 0.15} | dict.fromkeys(
    ("wood", "checker", "stripes", "speckle", "fabric"), 0.5
)
"""How much of a surface shows the second colour of its texture."""


@dataclass(frozen=True)
class Furniture:
    """One object in its own frame: the front faces +y, centred in x.

    class_name: one of the vocabulary, or "clutter:<kind>". size: full extents (x, y, z) in m of the
    parts. mount: "floor" (bottom z=0, centred in x and y), "carpet" (the same, lies flat and others may
    stand on it) or "wall" (back plane y=0, body in y>0, bottom at z=0 which hangs ``mount_height`` m
    above the floor). against_wall: a floor object whose back (-y) usually stands at a wall. named_by: the
    material that gives the object its colour in speech where that is not the largest (a bicycle's frame).
    """

    class_name: str
    parts: tuple[Part, ...]
    size: tuple[float, float, float]
    mount: str
    against_wall: bool
    mount_height: float = 0.0
    named_by: Material | None = None

    @functools.cached_property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest corner [3] m of all parts in the object frame."""
        vertices = np.concatenate([part.vertices for part in self.parts]).astype(np.float64)
        return vertices.min(0), vertices.max(0)

    @functools.cached_property
    def main_color(self) -> Color:
        """RGB (0..1) that one would name the object by: of ``named_by``, or of the largest area of like colours."""
        return self.named_by.color if self.named_by else _main_color(self.parts)


def painted_areas(parts: Sequence[Part]) -> tuple[np.ndarray, np.ndarray]:
    """Colours [K, 3] RGB (0..1) of the surfaces of ``parts`` and how many square metres [K] show each."""
    colors, areas = [], []
    for part in parts:
        a, b, c = (part.vertices[part.triangles[:, k]].astype(float) for k in range(3))
        size = 0.5 * float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())
        second = _SECOND_SHARE[part.material.texture]
        colors += [part.material.color, part.material.color2]
        areas += [size * (1 - second), size * second]
    return np.array(colors), np.array(areas)


def _main_color(parts: Sequence[Part]) -> Color:
    """Mean of the largest group of like colours, weighted by area."""
    rgb, area = painted_areas(parts)
    like = np.linalg.norm(rgb[:, None] - rgb[None], axis=-1) < _SAME_COLOR
    chosen = like[int((like @ area).argmax())]
    red, green, blue = (area * chosen) @ rgb / float(area[chosen].sum())
    return float(red), float(green), float(blue)


def merge_by_material(parts: Sequence[Part]) -> list[Part]:
    """Join the parts that share a material, in the order of first appearance."""
    groups: dict[Material, list[Part]] = {}
    for part in parts:
        groups.setdefault(part.material, []).append(part)
    merged = []
    for material, members in groups.items():
        offsets = np.cumsum([0] + [len(m.vertices) for m in members[:-1]])
        triangles = np.concatenate([m.triangles + o for m, o in zip(members, offsets, strict=True)]).astype(np.int32)
        vertices = np.concatenate([m.vertices for m in members]).astype(np.float32)
        merged.append(Part(vertices, triangles, material))
    return merged


def assemble(
    class_name: str,
    parts: Sequence[Part],
    mount: str = "floor",
    against_wall: bool = True,
    mount_height: float = 0.0,
    named_by: Material | None = None,
) -> Furniture:
    """Centre ``parts`` in the object frame of ``mount``, merge equal materials and measure the extents."""
    points = np.concatenate([part.vertices for part in parts])
    low, high = points.min(0).astype(float), points.max(0).astype(float)
    middle = (low + high) / 2
    back = low[1] if mount == "wall" else middle[1]
    placed = [part.moved(-middle[0], -back, -low[2]) for part in merge_by_material(parts)]
    extent = high - low
    size = (float(extent[0]), float(extent[1]), float(extent[2]))
    return Furniture(class_name, tuple(placed), size, mount, against_wall and mount == "floor", mount_height, named_by)


def pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of ``choices``, all equally likely."""
    return choices[int(rng.integers(len(choices)))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with ``probability``."""
    return bool(rng.random() < probability)


def span(rng: np.random.Generator, low: float, high: float) -> float:
    """A uniform number between ``low`` and ``high``."""
    return float(rng.uniform(low, high))


def jitter(rng: np.random.Generator, color: Color, amount: float = 0.05) -> Color:
    """``color`` moved a little in brightness and hue, within 0.02..0.98."""
    moved = np.asarray(color) + rng.normal(0, amount) + rng.normal(0, amount / 3, 3)
    r, g, b = np.clip(moved, 0.02, 0.98)
    return float(r), float(g), float(b)


def shade(color: Color, factor: float) -> Color:
    """``color`` times ``factor``, clipped to 0..1."""
    r, g, b = np.clip(np.asarray(color) * factor, 0, 1)
    return float(r), float(g), float(b)


def any_color(rng: np.random.Generator, accent: float = 0.4) -> Color:
    """A neutral, or with probability ``accent`` a pastel or saturated colour."""
    return jitter(rng, pick(rng, ACCENTS if chance(rng, accent) else NEUTRALS))


def named_color(rng: np.random.Generator) -> Color:
    """One of the colours that have an everyday name, all equally likely."""
    return jitter(rng, pick(rng, NAMED), 0.03)


def dyed(rng: np.random.Generator, patterned: float = 0.2) -> Material:
    """Cloth of a named colour; ``patterned`` with stripes or checks now and then."""
    color = named_color(rng)
    if chance(rng, patterned):
        return Material(color, named_color(rng), pick(rng, ("stripes", "checker")), span(rng, 0.04, 0.15))
    return Material(color, shade(color, 0.85), pick(rng, ("fabric", "plain")), span(rng, 0.01, 0.05))


def upholstery(rng: np.random.Generator) -> Material:
    """Cover of a seat: fabric in quiet or in named colours."""
    return fabric(rng, 0.15) if chance(rng, 0.45) else dyed(rng, 0.1)


def wood(rng: np.random.Generator) -> Material:
    """Grained wood from birch to wenge."""
    light, dark = pick(rng, WOODS)
    return Material(jitter(rng, light), jitter(rng, dark), "wood", span(rng, 0.04, 0.12))


def paint(rng: np.random.Generator, accent: float = 0.3) -> Material:
    """Plain lacquer, mostly neutral."""
    if chance(rng, 0.4):
        return Material(jitter(rng, NEUTRALS[0], 0.02))
    return Material(any_color(rng, accent))


def surface(rng: np.random.Generator) -> Material:
    """What cabinets are made of: wood or lacquer."""
    return wood(rng) if chance(rng, 0.5) else paint(rng)


def fabric(rng: np.random.Generator, patterned: float = 0.25, accent: float = 0.45) -> Material:
    """Upholstery or linen: woven, and ``patterned`` with stripes or checks now and then."""
    color = any_color(rng, accent)
    if chance(rng, patterned):
        texture = pick(rng, ("stripes", "checker", "speckle"))
        return Material(color, any_color(rng, accent), texture, span(rng, 0.04, 0.2))
    return Material(color, shade(color, 0.8), pick(rng, ("fabric", "plain", "fabric")), span(rng, 0.01, 0.05))


def metal(rng: np.random.Generator) -> Material:
    """Chrome, black, white or brass."""
    chosen = pick(rng, ((0.72, 0.73, 0.75), (0.55, 0.56, 0.58), (0.1, 0.1, 0.1), (0.9, 0.9, 0.9), (0.72, 0.58, 0.3)))
    return Material(jitter(rng, chosen, 0.03))


def appliance(rng: np.random.Generator) -> Material:
    """Housing of a kitchen machine: white, steel, dark, seldom coloured."""
    draw = rng.random()
    if draw < 0.5:
        return Material(jitter(rng, (0.93, 0.93, 0.93), 0.02))
    if draw < 0.75:
        return Material(jitter(rng, (0.68, 0.69, 0.71), 0.04))
    if draw < 0.9:
        return Material(jitter(rng, (0.16, 0.16, 0.17), 0.04))
    return Material(jitter(rng, pick(rng, ACCENTS)))


def ceramic(rng: np.random.Generator) -> Material:
    """Sanitary ware: white, seldom ivory, grey or a faded pastel."""
    if chance(rng, 0.85):
        return Material(jitter(rng, (0.95, 0.95, 0.94), 0.015))
    return Material(
        jitter(rng, pick(rng, ((0.9, 0.86, 0.74), (0.6, 0.6, 0.6), (0.75, 0.86, 0.82), (0.9, 0.76, 0.76))), 0.02)
    )


def glowing(material: Material, emission: float) -> Material:
    """``material`` lit from within."""
    return replace(material, emission=emission)


def four_legs(
    size: tuple[float, float], height: float, thickness: float, material: Material, inset: float = 0.0, z: float = 0.0
) -> list[Part]:
    """Four square legs below a top of ``size``, ``inset`` from its edges."""
    x, y = (size[0] - thickness) / 2 - inset, (size[1] - thickness) / 2 - inset
    return [box((thickness, thickness, height), material, (kx * x, ky * y, z)) for kx in (-1, 1) for ky in (-1, 1)]
