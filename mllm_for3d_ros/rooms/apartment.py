"""Floor plans: one room, or an apartment of two or three rooms of different kinds joined by doorways."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mllm_for3d_ros.rooms.arrange import WALL_YAW, Arranger
from mllm_for3d_ros.rooms.contents import ROOM_KINDS, draw_size
from mllm_for3d_ros.rooms.furniture_openings import build_door_leaf
from mllm_for3d_ros.rooms.placement import Footprint
from mllm_for3d_ros.rooms.shell import WALL_THICKNESS

APARTMENT_SHARE = 1 / 6
_SMALLER = 0.85  # rooms of an apartment against those that stand alone
_LEAST = 2.2
_CORNER = 0.2  # m of wall between a doorway and the corner
_WAY = 0.9  # m in front of a doorway that stay free of furniture
_GATE = 0.5  # m in front of a doorway at which a robot must be able to stand


@dataclass(frozen=True)
class Plot:
    """A rectangle of the floor plan that becomes a room: its kind, centre m and extents m."""

    kind: str
    center: tuple[float, float]
    width: float
    depth: float


@dataclass(frozen=True)
class Opening:
    """A doorway of the plan: the two plots that it joins, and the opening as in ``shell.Doorway``."""

    plots: tuple[int, int]
    center: tuple[float, float]
    runs_along_x: bool
    width: float
    height: float


@dataclass(frozen=True)
class FloorPlan:
    """Plots and openings; the bounding box of all plots is centred at the origin. height: m."""

    plots: tuple[Plot, ...]
    openings: tuple[Opening, ...]
    height: float

    @property
    def size(self) -> tuple[float, float]:
        """Extents m of the bounding box along x and y."""
        low, high = _bounding_box(self.plots)
        return float(high[0] - low[0]), float(high[1] - low[1])

    def inner_walls(self, index: int) -> frozenset[str]:
        """The walls of plot ``index`` with another plot behind them."""
        one = self.plots[index]
        inner = set()
        for other in self.plots[:index] + self.plots[index + 1 :]:
            dx, dy = other.center[0] - one.center[0], other.center[1] - one.center[1]
            gap_x = abs(dx) - (one.width + other.width) / 2
            gap_y = abs(dy) - (one.depth + other.depth) / 2
            if gap_x > 0 > gap_y:
                inner.add("east" if dx > 0 else "west")
            if gap_y > 0 > gap_x:
                inner.add("north" if dy > 0 else "south")
        return frozenset(inner)


def is_apartment(seed: int) -> bool:
    """Whether the scene of ``seed`` has several rooms; drawn apart, so that the others do not change."""
    return bool(np.random.default_rng([20_260_104, seed]).random() < APARTMENT_SHARE)


def single_room(kind: str, rng: np.random.Generator) -> FloorPlan:
    """The plan of one room of ``kind``."""
    width, depth, height = draw_size(kind, rng)
    return FloorPlan((Plot(kind, (0.0, 0.0), width, depth),), (), height)


def draw_apartment(rng: np.random.Generator) -> FloorPlan:
    """Two or three rooms of different kinds, each joined to one before it; the plan is centred at the origin."""
    kinds = rng.permutation([kind for kind in ROOM_KINDS if kind != "studio"])[: int(rng.integers(2, 4))]
    plots: list[Plot] = []
    openings: list[Opening] = []
    height = 0.0
    for kind in kinds:
        width, depth, drawn = draw_size(str(kind), rng)
        plot = Plot(str(kind), (0.0, 0.0), max(_SMALLER * width, _LEAST), max(_SMALLER * depth, _LEAST))
        if plots:
            plot, opening = _attach(plot, plots, rng)
            openings.append(opening)
        else:
            height = drawn
        plots.append(plot)
    low, high = _bounding_box(plots)
    dx, dy = -(low + high) / 2
    moved = [replace(p, center=(p.center[0] + dx, p.center[1] + dy)) for p in plots]
    shifted = [replace(o, center=(o.center[0] + dx, o.center[1] + dy)) for o in openings]
    return FloorPlan(tuple(moved), tuple(shifted), height)


def _attach(plot: Plot, plots: list[Plot], rng: np.random.Generator) -> tuple[Plot, Opening]:
    """``plot`` moved next to one of ``plots`` (to the last one after some tries), and the doorway between."""
    width = float(rng.uniform(0.95, 1.1))
    while True:
        index = int(rng.integers(len(plots)))
        base = plots[index]
        axis, side = int(rng.integers(2)), float(rng.choice([-1.0, 1.0]))
        own, others = (plot.width, plot.depth), (base.width, base.depth)
        across = 1 - axis
        slack = (own[across] + others[across]) / 2 - width - 2 * _CORNER
        center = np.zeros(2)
        center[axis] = base.center[axis] + side * ((own[axis] + others[axis]) / 2 + WALL_THICKNESS)
        center[across] = base.center[across] + rng.uniform(-slack, slack)
        placed = replace(plot, center=(float(center[0]), float(center[1])))
        if all(_apart(placed, other) for other in plots):
            break
    low = max(center[across] - own[across] / 2, base.center[across] - others[across] / 2) + _CORNER + width / 2
    high = min(center[across] + own[across] / 2, base.center[across] + others[across] / 2) - _CORNER - width / 2
    middle = np.zeros(2)
    middle[axis] = base.center[axis] + side * (others[axis] + WALL_THICKNESS) / 2
    middle[across] = rng.uniform(low, high)
    height = float(rng.uniform(2.0, 2.12))
    return placed, Opening((index, len(plots)), (float(middle[0]), float(middle[1])), axis == 1, width, height)


def _apart(one: Plot, other: Plot) -> bool:
    """Whether there is at least a wall's thickness between two plots."""
    gap_x = abs(one.center[0] - other.center[0]) - (one.width + other.width) / 2
    gap_y = abs(one.center[1] - other.center[1]) - (one.depth + other.depth) / 2
    return max(gap_x, gap_y) >= WALL_THICKNESS - 1e-9


def _bounding_box(plots: list[Plot] | tuple[Plot, ...]) -> tuple[np.ndarray, np.ndarray]:
    centers = np.array([plot.center for plot in plots])
    halves = np.array([(plot.width, plot.depth) for plot in plots]) / 2
    return (centers - halves).min(0), (centers + halves).max(0)


def prepare_doorways(arranger: Arranger, plan: FloorPlan, index: int, rng: np.random.Generator) -> None:
    """Keep the doorways of plot ``index`` passable and hang an open door leaf into some of them."""
    plot = plan.plots[index]
    mine = [opening for opening in plan.openings if index in opening.plots]
    places = [(opening, *_wall_place(opening, plot)) for opening in mine]
    for opening, wall, along in places:
        arranger.keep_way(_on_wall(arranger, wall, along, opening.width / 2, _WAY, opening.height))
        arranger.keep_gate(_base_to_room(arranger, wall, np.array([along, _GATE])))
    for opening, wall, along in places:
        if opening.plots[0] == index and rng.random() < 0.5:
            _hang_leaf(arranger, opening, wall, along, rng)
    for opening, wall, along in places:
        arranger.keep_way(_on_wall(arranger, wall, along, opening.width / 2 + 0.1, 0.08, opening.height + 0.1))


def _wall_place(opening: Opening, plot: Plot) -> tuple[str, float]:
    """In which wall of ``plot`` the opening is, and where along it (see ``Arranger`` on walls)."""
    x, y = opening.center[0] - plot.center[0], opening.center[1] - plot.center[1]
    if opening.runs_along_x:
        return ("north", -x) if y > 0 else ("south", x)
    return ("east", y) if x > 0 else ("west", -y)


def _base_to_room(arranger: Arranger, wall: str, point: np.ndarray) -> tuple[float, float]:
    """``point`` (m along ``wall``, m away from it) in room coordinates."""
    reach = arranger.depth if wall in ("south", "north") else arranger.width
    c, s = np.cos(WALL_YAW[wall]), np.sin(WALL_YAW[wall])
    x, y = point[0], point[1] - reach / 2
    return float(c * x - s * y), float(s * x + c * y)


def _on_wall(arranger: Arranger, wall: str, along: float, half: float, reach: float, height: float) -> Footprint:
    """The air before a stretch of ``wall``, ``2 half`` m long and ``reach`` m deep."""
    center = _base_to_room(arranger, wall, np.array([along, reach / 2]))
    return Footprint(center, (half, reach / 2), WALL_YAW[wall], 0.0, height)


def _hang_leaf(arranger: Arranger, opening: Opening, wall: str, along: float, rng: np.random.Generator) -> None:
    """An open door that stands square to its wall beside the opening; none if there is no room for it."""
    leaf = build_door_leaf(rng, opening.width - 0.02, opening.height - 0.02)
    for side in rng.permutation([-1.0, 1.0]):
        place = np.array([along + side * (opening.width / 2 + 0.06), opening.width / 2 + 0.04])
        yaw = WALL_YAW[wall] + side * np.pi / 2
        if arranger.place(leaf, (float(yaw), (*_base_to_room(arranger, wall, place), 0.0))):
            return
