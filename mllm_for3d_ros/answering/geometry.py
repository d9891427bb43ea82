"""Relations between things on their points: what rests on what, what is beside, between or on a side of what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from mllm_for3d_ros.answering.things import Thing

_CONTACT = (-0.10, 0.12)  # m from a surface to the bottom of what rests on it
_NEAR_CONTACT = 0.12  # m on the plan within which a surface is looked for
_RESTING = 0.5  # share of a thing's plan that lies within the plan of what it rests on
_BELOW = 0.3
_ASIDE, _BEARING, _REACH = 0.15, np.radians(4.0), 3.5
_HANGING = 0.45  # m on the plan between a sofa and what hangs above it


def rests_on(thing: Thing, support: Thing) -> bool:
    """Whether ``thing`` stands or lies on ``support``: over its plan, its bottom at the height of a surface there."""
    ground = support.points[~np.isin(support.instance.indices, thing.instance.indices)]
    if not len(ground) or thing.bottom < support.bottom:
        return False
    low = thing.points[thing.points[:, 2] <= thing.bottom + 0.08]
    if support.covers(low[:, :2], 0.05).mean() < _RESTING:
        return False
    surface = ground[np.abs(ground[:, 2] - thing.bottom) <= 0.2]
    if not len(surface):
        return False
    distance, nearest = cKDTree(surface[:, :2]).query(low[:, :2])
    gap = thing.bottom - surface[nearest, 2]
    touching = (distance <= _NEAR_CONTACT) & (gap >= _CONTACT[0]) & (gap <= _CONTACT[1])
    return bool(touching.mean() >= 0.3)


def is_under(thing: Thing, cover: Thing) -> bool:
    """Whether ``thing`` is below a part of ``cover`` and within its plan."""
    inside = cover.covers(thing.plan, 0.02)
    middle = float(np.median(thing.points[:, 2]))
    return bool(inside.mean() >= _BELOW) and middle < cover.top - 0.1 and not rests_on(thing, cover)


def is_above(thing: Thing, base: Thing) -> bool:
    """Whether ``thing`` is higher than ``base`` and over or right beside it on the plan."""
    return thing.bottom > base.top - 0.15 and thing.distance(base) <= _HANGING and thing.top > base.top + 0.1


def between(thing: Thing, first: np.ndarray, second: np.ndarray) -> float | None:
    """Distance m of ``thing`` from the line between two places [2], None if it is not between them."""
    way = second - first
    length = float(np.hypot(*way))
    if length < 0.1:
        return None
    along = float((thing.center - first) @ way) / length
    aside = abs(float(way[0] * (thing.center - first)[1] - way[1] * (thing.center - first)[0])) / length
    return aside if 0.1 * length < along < 0.9 * length and aside <= max(0.5, 0.4 * length) else None


@dataclass(frozen=True)
class Sight:
    """Somebody at ``here`` [2] who looks at ``there`` [2], m on the plan."""

    here: np.ndarray
    there: np.ndarray

    def offset(self, place: np.ndarray) -> tuple[float, float]:
        """How far m ``place`` [2] is behind of ``there``, and how far to its left, as seen from ``here``."""
        ahead = (self.there - self.here) / max(float(np.hypot(*(self.there - self.here))), 1e-6)
        rest = place - self.there
        return float(rest @ ahead), float(rest @ [-ahead[1], ahead[0]])

    def bearing(self, place: np.ndarray) -> float:
        """Angle rad from ``there`` to ``place`` [2] at ``here``, positive to the left."""
        ahead, sight = self.there - self.here, place - self.here
        return float(np.arctan2(ahead[0] * sight[1] - ahead[1] * sight[0], ahead @ sight))

    def is_on_side(self, place: np.ndarray, side: str) -> bool:
        """Whether ``place`` is "left_of", "right_of", "behind" or "in_front_of" ``there``."""
        behind, left = self.offset(place)
        if np.hypot(behind, left) > _REACH:
            return False
        if side in ("left_of", "right_of"):
            sign = 1.0 if side == "left_of" else -1.0
            return sign * left >= _ASIDE and sign * self.bearing(place) >= _BEARING and abs(behind) <= 2 * abs(left)
        depth = behind if side == "behind" else -behind
        return depth >= _ASIDE and abs(left) <= 1.5 * depth
