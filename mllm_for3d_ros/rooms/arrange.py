"""Places furniture in an empty room without interpenetration, leaving floor for a robot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mllm_for3d_ros.rooms.furniture import Furniture
from mllm_for3d_ros.rooms.objects import PlacedObject, footprint_at
from mllm_for3d_ros.rooms.placement import ROBOT_CLEARANCE, FloorGrid, Footprint, floor_grid, overlaps, reachable
from mllm_for3d_ros.rooms.supports import CELL

WALLS = ("south", "east", "north", "west")
WALL_YAW = {"south": 0.0, "east": np.pi / 2, "north": np.pi, "west": -np.pi / 2}
_OUTER = ("door", "window")
_KEEP_FREE = {"door": 0.9, "window": 0.5, "picture": 0.4, "television": 0.6, "mirror": 0.4}
_TRIES = 24
_SNUG_TRIES = 8
_CLEARANCE = 0.06
_LOW = 0.6
_GATE_REACH = 0.12
_GRID_CELL = 0.1
_LEVEL, _SOFT = 0.006, 0.03
"""How uneven m a hard and an upholstered surface may be below a thing that rests on it."""
_GAP = 0.001
_SMALL_CLEARANCE = 0.015

Place = tuple[float, tuple[float, float, float]]


class Arranger:
    """A room of ``width`` x ``depth`` m, centred at the origin, that is being filled.

    inner_walls: those of ``WALLS`` that have another room behind them: no window or door hangs there.
    """

    def __init__(
        self,
        width: float,
        depth: float,
        height: float,
        rng: np.random.Generator,
        inner_walls: frozenset[str] = frozenset(),
    ) -> None:
        self.width, self.depth, self.height = width, depth, height
        self.rng = rng
        self.placed: list[PlacedObject] = []
        self._zones: list[Footprint] = []
        self._gates: list[Footprint] = []
        self._outer_walls = tuple(wall for wall in WALLS if wall not in inner_walls)

    def keep_way(self, footprint: Footprint) -> None:
        """Let nothing but carpets be put into ``footprint`` from now on."""
        self._zones.append(footprint)

    def keep_gate(self, point: tuple[float, float]) -> None:
        """Keep the floor at ``point`` (x, y) m a place where the robot can get to."""
        self._gates.append(Footprint(point, (0.0, 0.0), 0.0, 0.0, 0.0))

    def place(self, furniture: Furniture, place: Place) -> bool:
        """Put ``furniture`` at ``place`` (yaw rad, position m); False if it does not fit there."""
        return self._put(furniture, place)

    def add(self, furniture: Furniture) -> bool:
        """Find a place for ``furniture`` and put it there; False if no try fits."""
        draw = {"wall": self._on_wall, "carpet": self._on_floor}.get(furniture.mount, self._standing)
        for _ in range(_TRIES):
            if self._put(furniture, draw(furniture)):
                return True
        return False

    def add_chair(self, chair: Furniture, table: PlacedObject) -> bool:
        """Put ``chair`` at a side of ``table``, facing it; False if no side has room."""
        depth = footprint_at(chair, 0.0, (0, 0, 0)).half[1]
        for _ in range(_TRIES):
            side = int(self.rng.integers(4))
            along, across = (0, 1) if side % 2 == 0 else (1, 0)
            yaw = table.yaw + side * np.pi / 2
            facing = np.array([-np.sin(yaw), np.cos(yaw)])
            half = table.footprint.half
            slide = self.rng.uniform(-0.8, 0.8) * max(half[along] - 0.2, 0.0)
            back_off = half[across] + depth + self.rng.uniform(0.03, 0.2)
            xy = np.asarray(table.footprint.center) - facing * back_off + np.array([facing[1], -facing[0]]) * slide
            turn = yaw + float(self.rng.normal(0.0, 0.12))
            if self._put(chair, (turn, (float(xy[0]), float(xy[1]), 0.0)), clearance=0.01):
                return True
        return False

    def add_on_top(
        self,
        thing: Furniture,
        support: PlacedObject,
        highest: float = 1.25,
        snug: bool = False,
        facing: float | None = None,
    ) -> bool:
        """Rest the small ``thing`` on ``support`` where its top is level; False if it fits nowhere.

        Args:
            thing: what to put down.
            support: stands already.
            highest: what m above the floor is too high to put things.
            snug: as far back (-y) as it goes, such as a cushion in a sofa.
            facing: yaw rad in the support's frame, about which it is turned a little; any without.
        """
        half, covered = np.asarray(support.footprint.half), _samples(thing)
        for _ in range(_SNUG_TRIES if snug else _TRIES):
            turn = self.rng.uniform(-np.pi, np.pi) if facing is None else facing + self.rng.normal(0.0, 0.12)
            x, y = self.rng.uniform(-half, half)
            rows = np.arange(-half[1], half[1], 0.04) if snug else (y,)
            for row in rows:
                place = _resting(covered, support, float(turn), np.array([x, row]))
                if place and place[1][2] <= highest and self._put(thing, place, _SMALL_CLEARANCE, support):
                    return True
        return False

    def _put(
        self, furniture: Furniture, place: Place, clearance: float = _CLEARANCE, support: PlacedObject | None = None
    ) -> bool:
        """Place ``furniture`` if nothing but its ``support`` is in the way and the floor stays passable."""
        yaw, position = place
        below = support.instance_id if support else 0
        new = PlacedObject(len(self.placed) + 1, furniture.class_name, furniture, yaw, position, below)
        print_ = new.footprint
        if not self._inside(print_):
            return False
        if furniture.mount == "carpet":
            if not self._carpet_visible(new):
                return False
        elif not self._is_free(new, clearance) or not (support or self._passable(new)):
            return False
        self.placed.append(new)
        if furniture.class_name in _KEEP_FREE:
            self._zones.append(self._zone(new))
        return True

    def _inside(self, footprint: Footprint) -> bool:
        limit = np.array([self.width, self.depth]) / 2 + 1e-6
        return bool((np.abs(footprint.corners) <= limit).all()) and footprint.high < self.height

    def _zone(self, placed: PlacedObject) -> Footprint:
        """The air in front of ``placed`` that stays free: the object's box drawn out to its front."""
        reach = _KEEP_FREE[placed.class_name]
        front = placed.footprint.axes[1]
        center = np.asarray(placed.footprint.center) + front * reach / 2
        half = (placed.footprint.half[0], placed.footprint.half[1] + reach / 2)
        box = placed.footprint
        return Footprint((float(center[0]), float(center[1])), half, box.yaw, box.low + 0.02, box.high)

    def _is_free(self, new: PlacedObject, clearance: float) -> bool:
        solid = [o for o in self.placed if o.furniture.mount != "carpet" and o.instance_id != new.support]
        if any(overlaps(new.footprint, other.footprint, clearance) for other in solid):
            return False
        if any(overlaps(new.footprint, zone) for zone in self._zones):
            return False
        if new.class_name not in _KEEP_FREE:
            return True
        return not any(overlaps(self._zone(new), other.footprint) for other in solid)

    def _passable(self, new: PlacedObject) -> bool:
        """Whether the robot still has floor and can come near to every object with ``new`` in place."""
        if new.footprint.low >= _LOW:
            return True
        everything = [*self.placed, new]
        grid = robot_floor(self.width, self.depth, everything)
        if grid.main_area < max(0.9, 0.13 * self.width * self.depth):
            return False
        if not all(reachable(grid, gate, _GATE_REACH) for gate in self._gates):
            return False
        return all(
            reachable(grid, other.footprint, 0.95)
            for other in everything
            if other.footprint.low < _LOW and not other.support
        )

    def _carpet_visible(self, new: PlacedObject) -> bool:
        """Whether a carpet lies on no other carpet and most of it is bare."""
        if any(other.furniture.mount == "carpet" and overlaps(new.footprint, other.footprint) for other in self.placed):
            return False
        steps = np.linspace(-0.95, 0.95, 12)
        local = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2) * new.footprint.half
        points = local @ new.footprint.axes + np.asarray(new.footprint.center)
        covered = np.zeros(len(points), bool)
        for obstacle in obstacles(self.placed):
            covered |= obstacle.distances(points) == 0
        return bool(covered.mean() < 0.4)

    def _wall_place(self, furniture: Furniture, gap: float, turn: float = 0.0) -> Place:
        """A place with the back ``gap`` m from a random wall, more often near the corners than midway."""
        walls = self._outer_walls if furniture.class_name in _OUTER else WALLS
        wall = walls[int(self.rng.integers(len(walls)))]
        length, reach = (self.width, self.depth) if wall in ("south", "north") else (self.depth, self.width)
        box = footprint_at(furniture, turn, (0.0, 0.0, 0.0))
        extent = np.ptp(box.corners[:, 0])
        along = (self.rng.beta(0.7, 0.7) - 0.5) * max(length - extent - 0.1, 0.0)
        local = np.array([along - (box.corners[:, 0].max() + box.corners[:, 0].min()) / 2, 0.0])
        local[1] = -reach / 2 + gap - box.corners[:, 1].min()
        yaw = WALL_YAW[wall]
        c, s = np.cos(yaw), np.sin(yaw)
        x, y = c * local[0] - s * local[1], s * local[0] + c * local[1]
        return yaw + turn, (float(x), float(y), 0.0)

    def _on_wall(self, furniture: Furniture) -> Place:
        yaw, (x, y, _) = self._wall_place(furniture, 0.002)
        return yaw, (x, y, furniture.mount_height)

    def _standing(self, furniture: Furniture) -> Place:
        if furniture.against_wall and self.rng.random() < 0.93:
            turn = float(self.rng.normal(0.0, 0.02))
            return self._wall_place(furniture, float(self.rng.uniform(0.01, 0.06)), turn)
        return self._on_floor(furniture)

    def _on_floor(self, furniture: Furniture) -> Place:
        limit = np.array([self.width, self.depth]) / 2 - 0.15
        x, y = self.rng.uniform(-limit, limit)
        quarter = int(self.rng.integers(4)) * np.pi / 2
        jitter = self.rng.normal(0.0, 0.06) if self.rng.random() < 0.8 else self.rng.uniform(-0.7, 0.7)
        return float(quarter + jitter), (float(x), float(y), 0.0)


def _resting(covered: np.ndarray, support: PlacedObject, turn: float, spot: np.ndarray) -> Place | None:
    """The place at ``spot`` [2] of the support's frame of what covers ``covered`` [N, 2], if it is level there."""
    c, s = np.cos(turn), np.sin(turn)
    heights = support.top.under(covered @ np.array([[c, s], [-s, c]]) + spot)
    high, low = float(heights.max()), float(heights.min())
    if not high - low < (_SOFT if support.class_name in ("sofa", "bed", "chair") else _LEVEL):
        return None
    xy = spot @ support.footprint.axes + np.asarray(support.position)[:2]
    return support.yaw + turn, (float(xy[0]), float(xy[1]), support.position[2] + high + _GAP)


def _samples(thing: Furniture) -> np.ndarray:
    """[N, 2] points of the rectangle that ``thing`` covers, its edges included, at most ``CELL`` m apart."""
    half = footprint_at(thing, 0.0, (0.0, 0.0, 0.0)).half
    x, y = (np.linspace(-h, h, int(np.ceil(2 * h / CELL)) + 1) for h in half)
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def obstacles(placed: list[PlacedObject] | tuple[PlacedObject, ...], below: float = 1.8) -> list[Footprint]:
    """Footprints that a robot of height ``below`` m must not touch: all but carpets, high and carried things."""
    solid = [thing for thing in placed if thing.furniture.mount != "carpet" and not thing.support]
    return [thing.footprint for thing in solid if thing.footprint.low < below]


def robot_floor(
    width: float,
    depth: float,
    placed: list[PlacedObject] | tuple[PlacedObject, ...],
    walls: Sequence[Footprint] = (),
) -> FloorGrid:
    """The floor on which a robot may stand; ``main`` keeps a little more than 0.3 m from everything.

    walls: what fills the bounding box beside the rooms and their doorways, see ``shell.solid_footprints``.
    """
    return floor_grid(width, depth, [*walls, *obstacles(placed)], ROBOT_CLEARANCE + 0.05, _GRID_CELL)
