"""Which objects a property or a relation picks out, where that is beyond doubt.

A rule says "the red one", "the one nearest to the window". It is judged on the boxes of the objects;
margins keep out what two people would answer differently. Every rule gives the objects picked, none if
clearly none fits, or None where the case is not clear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from mllm_for3d_ros.rooms.color_names import coloring
from mllm_for3d_ros.rooms.objects import PlacedObject
from mllm_for3d_ros.rooms.placement import Footprint, overlaps
from mllm_for3d_ros.rooms.rules import ATTRIBUTE_RULES, Rule
from mllm_for3d_ros.rooms.seen_things import SeenThings

COLORED_BY_CONTENT = ("window", "mirror", "picture", "television", "plant", "bookshelf")
"""Classes whose colour is that of what they show or hold, so that nobody would tell them apart by it."""

Things = tuple[PlacedObject, ...]
_LARGER, _TALLER, _ON_FLOOR = 1.25, 1.2, 0.05
_NEARER_M, _NEARER_SHARE, _LEAST_STEP = 0.4, 1.25, 0.15
_ASIDE, _OPPOSITE, _BEARING, _REACH = 0.4, 0.2, np.radians(10.0), 3.0
_NOT_EVEN_NEAR = 0.1  # m: nothing of the class may be nearer where none is said to be on a thing
_STANDOFF = 1.0  # m between a viewpoint and what is looked at


def select(rule: Rule, class_name: str, seen: SeenThings) -> Things | None:
    """The objects of a class that ``rule`` picks in a room, or None where that is not beyond doubt.

    Only objects that are seen well are ever picked; those that are hardly seen count as rivals.
    """
    rivals = seen.noticed(class_name)
    picked = _picked(rule, class_name, rivals, seen)
    if picked is None or not all(seen.is_well_seen(thing) for thing in picked):
        return None
    return picked


def _picked(rule: Rule, class_name: str, rivals: Things, seen: SeenThings) -> Things | None:
    if rule.name == "color":
        return None if class_name in COLORED_BY_CONTENT else _of_color(rule.color or "", rivals, seen, class_name)
    if rule.name in ATTRIBUTE_RULES:
        return _extreme_size(rule.name, rivals)
    if rule.anchor is None or rule.anchor == class_name:
        return None
    if rule.name == "on":
        return _resting_on(class_name, rule.anchor, seen)
    anchor = the_only(rule.anchor, seen)
    if anchor is None:
        return None
    if rule.name in ("nearest", "farthest"):
        return _by_distance(rule.name, anchor, rivals, seen)
    viewpoint = the_only(rule.viewpoint, seen) if rule.viewpoint else None
    return None if viewpoint is None else _beside(rule.name, anchor, viewpoint, rivals, seen)


def the_only(class_name: str, seen: SeenThings) -> PlacedObject | None:
    """The one object of a class that the recording shows, and shows well; None if there are more or none."""
    noticed = seen.noticed(class_name)
    return noticed[0] if len(noticed) == 1 and seen.is_well_seen(noticed[0]) else None


def _of_color(color: str, rivals: Things, seen: SeenThings, class_name: str) -> Things | None:
    looks = [coloring(thing.furniture) for thing in rivals]
    picked = tuple(thing for thing, look in zip(rivals, looks, strict=True) if look.name == color)
    if not picked:  # none at all, not even one that the recording missed
        hidden = [coloring(thing.furniture) for thing in seen.all_of(class_name)]
        return None if any(color in look.possible for look in hidden) else ()
    doubtful = any(color in look.possible and look.name != color for look in looks)
    return None if doubtful else picked


def _extreme_size(name: str, rivals: Things) -> Things | None:
    if len(rivals) < 2:
        return None
    if name == "tallest":
        if any(thing.footprint.low > _ON_FLOOR for thing in rivals):  # height, or height above the floor?
            return None
        heights = [thing.furniture.size[2] for thing in rivals]
        return _clear_most(heights, rivals, _TALLER)
    sizes = [np.sort(np.asarray(thing.furniture.size)) for thing in rivals]
    faces, longest = [float(s[1] * s[2]) for s in sizes], [float(s[2]) for s in sizes]
    if name == "smallest":
        faces, longest = [1 / face for face in faces], [1 / long for long in longest]
    picked = _clear_most(faces, rivals, _LARGER)
    return picked if picked == _clear_most(longest, rivals, 1.0) else None


def _clear_most(values: Sequence[float], rivals: Things, factor: float) -> Things | None:
    """The rival with the greatest value, if that is ``factor`` times the next."""
    order = np.argsort(values)[::-1]
    return (rivals[order[0]],) if values[order[0]] >= factor * values[order[1]] else None


def distance(one: Footprint, other: Footprint) -> float:
    """Horizontal distance m between two footprints, 0 where they overlap on the plan."""
    if overlaps(replace(one, low=0.0, high=1.0), replace(other, low=0.0, high=1.0)):
        return 0.0
    return float(min(one.distances(other.corners).min(), other.distances(one.corners).min()))


def _by_distance(name: str, anchor: PlacedObject, rivals: Things, seen: SeenThings) -> Things | None:
    if len(rivals) < 2:
        return None
    away = [distance(thing.footprint, anchor.footprint) for thing in rivals]
    order = np.argsort(away) if name == "nearest" else np.argsort(away)[::-1]
    first, second = (away[order[k]] for k in (0, 1))
    near, far = min(first, second), max(first, second)
    clear = far >= near + _NEARER_M or (far >= _NEARER_SHARE * near and far >= near + _LEAST_STEP)
    involved = [rivals[order[0]]] if name == "nearest" else list(rivals)
    together = all(seen.room_of(thing) == seen.room_of(anchor) for thing in involved)
    return (rivals[order[0]],) if clear and together else None


def _resting_on(class_name: str, anchor: str, seen: SeenThings) -> Things | None:
    supports = seen.all_of(anchor)
    everything = seen.all_of(class_name)
    if not seen.noticed(anchor) or not everything:
        return None
    below = {support.instance_id for support in supports}
    resting = tuple(thing for thing in everything if thing.support in below)
    margin = 0.0 if resting else _NOT_EVEN_NEAR
    rest = [thing for thing in everything if thing.support not in below]
    if any(distance(thing.footprint, one.footprint) <= margin for thing in rest for one in supports):
        return None  # under it, or upon something that is on it
    noticed = tuple(thing for thing in resting if thing.instance_id in seen.voxels)
    return noticed if noticed or not resting else None


def _beside(
    name: str, anchor: PlacedObject, viewpoint: PlacedObject, rivals: Things, seen: SeenThings
) -> Things | None:
    """The rivals clearly on one side of ``anchor`` for somebody at ``viewpoint``; the others must clearly not be."""
    here, there = np.asarray(viewpoint.footprint.center), np.asarray(anchor.footprint.center)
    home = seen.room_of(anchor)
    if seen.room_of(viewpoint) != home or np.linalg.norm(there - here) < _STANDOFF:
        return None
    judge = _left_or_right(name == "left_of", here, there)
    verdicts = [judge(thing) if seen.room_of(thing) == home else False for thing in rivals]
    if None in verdicts:
        return None
    return tuple(thing for thing, beside in zip(rivals, verdicts, strict=True) if beside)


def _left_or_right(left: bool, here: np.ndarray, there: np.ndarray) -> Callable[[PlacedObject], bool | None]:
    """Judges True, False or None (not clear) whether an object is left (or right) of ``there`` seen from ``here``."""
    ahead = (there - here) / np.linalg.norm(there - here)
    sideways = np.array([-ahead[1], ahead[0]]) * (1.0 if left else -1.0)

    def judge(thing: PlacedObject) -> bool | None:
        offset = np.asarray(thing.footprint.center) - there
        aside, along = float(offset @ sideways), float(offset @ ahead)
        sight = np.asarray(thing.footprint.center) - here
        bearing = float(np.arctan2(sight @ sideways, sight @ ahead))
        if aside <= -_OPPOSITE and bearing < 0:
            return False
        near = np.linalg.norm(offset) <= _REACH
        clear = aside >= _ASIDE and abs(along) <= aside and bearing >= _BEARING
        return True if clear and near else None

    return judge
