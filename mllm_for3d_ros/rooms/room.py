"""A furnished room drawn from a seed: walls, light, objects of the classes, and clutter."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from mllm_for3d_ros.rooms.apartment import FloorPlan, draw_apartment, is_apartment, prepare_doorways, single_room
from mllm_for3d_ros.rooms.arrange import Arranger, robot_floor
from mllm_for3d_ros.rooms.contents import (
    ROOM_KINDS,
    draw_ceiling_material,
    draw_contents,
    draw_floor_material,
    draw_wall_material,
)
from mllm_for3d_ros.rooms.furnish import add_clutter, furnish
from mllm_for3d_ros.rooms.furniture_base import surface
from mllm_for3d_ros.rooms.mesh import Part
from mllm_for3d_ros.rooms.objects import PlacedObject
from mllm_for3d_ros.rooms.placement import Footprint
from mllm_for3d_ros.rooms.shell import Doorway, SubRoom, doorway_frame, room_shell, solid_footprints
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES

_FEWEST_CELLS = 40  # of the free floor in each room of an apartment that can be got to


@dataclass(frozen=True)
class Light:
    """A point light: position [3] m, strength (1 lights a surface 2 m away well), whether it casts shadows.

    within: least x, least y, greatest x, greatest y m of the room that a light without shadows stays in.
    """

    position: tuple[float, float, float]
    strength: float
    shadows: bool = True
    within: tuple[float, float, float, float] = (-np.inf, -np.inf, np.inf, np.inf)


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
    """A scene: one furnished room, or an apartment of several that are joined by doorways.

    Floor at z = 0, x to the east, y to the north, metres; the bounding box of all rooms, ``width`` x
    ``depth``, is centred at the origin. kind: that of the room, or "apartment".
    """

    seed: int
    kind: str
    width: float
    depth: float
    height: float
    rooms: tuple[SubRoom, ...]
    doorways: tuple[Doorway, ...]
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
        """The objects that belong to one of the classes."""
        return tuple(thing for thing in self.objects if thing.is_labelled)

    def shell(self, roof: bool = True) -> tuple[Part, ...]:
        """Floors, ceilings (unless ``roof`` is False), walls and the frames of doorways, in world coordinates."""
        parts = [part for room in self.rooms for part in room_shell(room, self.doorways, roof)]
        for doorway in self.doorways:
            parts += doorway_frame(doorway, self.rooms[doorway.rooms[0]].floor)
        return tuple(parts)

    @functools.cached_property
    def solid(self) -> tuple[Footprint, ...]:
        """What fills the bounding box beside rooms and doorways."""
        return tuple(solid_footprints(self.rooms, self.doorways))

    def room_at(self, points: np.ndarray) -> np.ndarray:
        """[N] index into ``rooms`` of the room that each of ``points`` [N, 2] m lies in, or the nearest to it."""
        bounds = np.array([room.bounds for room in self.rooms])
        outside = np.maximum(bounds[:, None, :2] - points, points - bounds[:, None, 2:]).max(-1)
        return np.asarray(outside.argmin(0))


def make_room(seed: int) -> Room:
    """The scene of ``seed``; the same seed always gives the same scene."""
    rng = np.random.default_rng([20_260_101, seed])
    room = _draw_scene(seed, rng)
    while not _is_joined(room):
        room = _draw_scene(seed, rng)
    return room


def _is_joined(room: Room) -> bool:
    """Whether a robot can get from each room of an apartment to every other."""
    if len(room.rooms) == 1:
        return True
    grid = robot_floor(room.width, room.depth, room.objects, room.solid)
    cells = np.bincount(room.room_at(grid.centers[grid.main]), minlength=len(room.rooms))
    return bool(cells.min() >= _FEWEST_CELLS)


def _draw_scene(seed: int, rng: np.random.Generator) -> Room:
    """One try at the scene of ``seed``."""
    if is_apartment(seed):
        plan = draw_apartment(rng)
    else:
        plan = single_room(ROOM_KINDS[int(rng.integers(len(ROOM_KINDS)))], rng)
    rooms: list[SubRoom] = []
    objects: list[PlacedObject] = []
    lights: list[Light] = []
    for index in range(len(plan.plots)):
        room, placed, lit = _make_sub_room(plan, index, rng)
        rooms.append(room)
        objects += [_moved(thing, len(objects), room.center) for thing in placed]
        lights += [_lit_from(light, room) for light in lit]
    kind = rooms[0].kind if len(rooms) == 1 else "apartment"
    doorways = tuple(Doorway(o.plots, o.center, o.runs_along_x, o.width, o.height, surface(rng)) for o in plan.openings)
    return Room(
        seed, kind, *plan.size, plan.height, tuple(rooms), doorways, tuple(objects), tuple(lights), _draw_look(rng)
    )


def _make_sub_room(
    plan: FloorPlan, index: int, rng: np.random.Generator
) -> tuple[SubRoom, list[PlacedObject], list[Light]]:
    """One room of the plan, and its objects and lights as if it were centred at the origin."""
    plot = plan.plots[index]
    wall = draw_wall_material(plot.kind, rng)
    accent = draw_wall_material(plot.kind, rng) if rng.random() < 0.4 else wall
    arranger = Arranger(plot.width, plot.depth, plan.height, rng, plan.inner_walls(index))
    prepare_doorways(arranger, plan, index, rng)
    furnish(arranger, draw_contents(plot.kind, rng), rng)
    add_clutter(arranger, rng)
    room = SubRoom(
        plot.kind,
        plot.center,
        plot.width,
        plot.depth,
        plan.height,
        draw_floor_material(plot.kind, rng),
        draw_ceiling_material(rng),
        (accent, wall, wall, wall),
    )
    return room, arranger.placed, _draw_lights(arranger, rng)


def _moved(thing: PlacedObject, before: int, center: tuple[float, float]) -> PlacedObject:
    """``thing`` of a room in its place in the scene, where ``before`` objects come before that room's."""
    x, y, z = thing.position
    position = (x + center[0], y + center[1], z)
    support = thing.support + before if thing.support else 0
    return replace(thing, instance_id=thing.instance_id + before, position=position, support=support)


def _lit_from(light: Light, room: SubRoom) -> Light:
    """``light`` of a room in its place in the scene."""
    x, y, z = light.position
    return replace(light, position=(x + room.center[0], y + room.center[1], z), within=room.bounds)


def _draw_lights(arranger: Arranger, rng: np.random.Generator) -> list[Light]:
    """One or two lamps under the ceiling that cast shadows, and the glow of the floor lamps."""
    lights: list[Light] = []
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
    return lights


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
