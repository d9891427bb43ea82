"""A furnished room drawn from a seed: walls, light, objects of the 20 classes, and clutter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.rooms.arrange import Arranger
from mllm_for3d_ros.rooms.contents import (
    ROOM_KINDS,
    draw_ceiling_material,
    draw_contents,
    draw_floor_material,
    draw_size,
    draw_wall_material,
)
from mllm_for3d_ros.rooms.furniture import CLUTTER_KINDS, build_clutter, build_furniture
from mllm_for3d_ros.rooms.mesh import Material, Part
from mllm_for3d_ros.rooms.objects import PlacedObject
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES

_ORDER = (
    "door window bed bathtub wardrobe sofa refrigerator stove sink washing_machine toilet bookshelf "
    "television table chair lamp plant bin picture rug"
).split()
_BUILDS = 4


@dataclass(frozen=True)
class Light:
    """A point light: position [3] m, strength (1 lights a surface 2 m away well), whether it casts shadows."""

    position: tuple[float, float, float]
    strength: float
    shadows: bool = True


@dataclass(frozen=True)
class Look:
    """How the camera sees the room: ambient light, exposure, white balance (RGB gains), vignette, noise."""

    ambient: float
    exposure: float
    white_balance: tuple[float, float, float]
    vignette: float
    noise: float


@dataclass(frozen=True)
class Room:
    """A room centred at the origin of the world, floor at z = 0, x to the east, y to the north, metres."""

    seed: int
    kind: str
    width: float
    depth: float
    height: float
    floor: Material
    ceiling: Material
    walls: tuple[Material, Material, Material, Material]
    objects: tuple[PlacedObject, ...]
    lights: tuple[Light, ...]
    look: Look

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that are present, in index order."""
        present = {thing.class_name for thing in self.objects}
        return tuple(name for name in CLASS_NAMES if name in present)

    @property
    def labelled(self) -> tuple[PlacedObject, ...]:
        """The objects that belong to one of the 20 classes."""
        return tuple(thing for thing in self.objects if thing.is_labelled)

    def shell(self) -> tuple[Part, ...]:
        """Floor, ceiling and the south, east, north and west wall, in world coordinates."""
        w, d, h = self.width / 2, self.depth / 2, self.height
        south_west, south_east, north_east, north_west = (-w, -d), (w, -d), (w, d), (-w, d)
        rounds = [
            (south_west, south_east),
            (south_east, north_east),
            (north_east, north_west),
            (north_west, south_west),
        ]
        walls = [
            _quad([(*a, 0), (*b, 0), (*b, h), (*a, h)], material)
            for (a, b), material in zip(rounds, self.walls, strict=True)
        ]
        corners = (south_west, south_east, north_east, north_west)
        floor = _quad([(*c, 0.0) for c in corners], self.floor)
        ceiling = _quad([(*c, h) for c in reversed(corners)], self.ceiling)
        return (floor, ceiling, *walls)


def _quad(corners: list[tuple[float, float, float]], material: Material) -> Part:
    return Part(np.array(corners, np.float32), np.array([[0, 1, 2], [0, 2, 3]], np.int32), material)


def make_room(seed: int) -> Room:
    """The room of ``seed``; the same seed always gives the same room."""
    rng = np.random.default_rng([20_260_101, seed])
    kind = ROOM_KINDS[int(rng.integers(len(ROOM_KINDS)))]
    width, depth, height = draw_size(kind, rng)
    wall = draw_wall_material(kind, rng)
    accent = draw_wall_material(kind, rng) if rng.random() < 0.4 else wall
    arranger = Arranger(width, depth, height, rng)
    _furnish(arranger, draw_contents(kind, rng), rng)
    _clutter(arranger, rng)
    return Room(
        seed,
        kind,
        width,
        depth,
        height,
        draw_floor_material(kind, rng),
        draw_ceiling_material(rng),
        (accent, wall, wall, wall),
        tuple(arranger.placed),
        _draw_lights(arranger, rng),
        _draw_look(rng),
    )


def _furnish(arranger: Arranger, counts: dict[str, int], rng: np.random.Generator) -> None:
    for name in _ORDER:
        for _ in range(counts.get(name, 0)):
            for _ in range(_BUILDS):
                if _add(arranger, name, rng):
                    break


def _add(arranger: Arranger, name: str, rng: np.random.Generator) -> bool:
    furniture = build_furniture(name, rng)
    tables = [thing for thing in arranger.placed if thing.class_name == "table"]
    if name == "chair" and tables and rng.random() < 0.85:
        return arranger.add_chair(furniture, tables[int(rng.integers(len(tables)))])
    return arranger.add(furniture)


def _clutter(arranger: Arranger, rng: np.random.Generator) -> None:
    tables = [thing for thing in arranger.placed if thing.class_name == "table"]
    for _ in range(int(rng.integers(1, 6))):
        thing = build_clutter(CLUTTER_KINDS[int(rng.integers(len(CLUTTER_KINDS)))], rng)
        small = max(thing.size) < 0.45 and thing.mount == "floor"
        if small and tables and rng.random() < 0.6:
            arranger.add_on_top(thing, tables[int(rng.integers(len(tables)))])
        else:
            arranger.add(thing)


def _draw_lights(arranger: Arranger, rng: np.random.Generator) -> tuple[Light, ...]:
    """One or two lamps under the ceiling that cast shadows, and the glow of the floor lamps."""
    lights = []
    area = arranger.width * arranger.depth
    strength = float(rng.uniform(0.75, 1.1)) * (area / 16.0) ** 0.4
    count = int(rng.integers(1, 3))
    for _ in range(count):
        x, y = rng.uniform(-0.3, 0.3, 2) * (arranger.width, arranger.depth)
        z = arranger.height - float(rng.uniform(0.1, 0.4))
        lights.append(Light((float(x), float(y), z), strength / count))
    for thing in arranger.placed:
        if thing.class_name == "lamp" and rng.random() < 0.6:
            x, y = thing.footprint.center
            lights.append(Light((x, y, thing.footprint.high + 0.1), float(rng.uniform(0.1, 0.25)), shadows=False))
    return tuple(lights)


def _draw_look(rng: np.random.Generator) -> Look:
    warmth = float(rng.normal(0.0, 0.06))
    green = float(rng.normal(0.0, 0.015))
    balance = (1.0 + warmth, 1.0 + green, 1.0 - warmth)
    return Look(
        ambient=float(rng.uniform(0.3, 0.5)),
        exposure=float(1.1 * np.exp(rng.normal(0.0, 0.15))),
        white_balance=balance,
        vignette=float(rng.uniform(0.0, 0.3)),
        noise=float(rng.uniform(1.0, 4.0)),
    )
