"""Which of the things of a kind an attribute or a relation picks, with the reason in words.

Every function takes the things and gives a ``Pick``: places among them, best first, and a clause for a person; no
places, with the clause, where none fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.answering import geometry
from mllm_for3d_ros.answering.colors import color_memberships
from mllm_for3d_ros.answering.sizes import by_size
from mllm_for3d_ros.answering.things import Thing
from mllm_for3d_ros.answering.viewpoint import Viewpoint
from mllm_for3d_ros.language.relations.query import Query, Size

_ALIKE_M, _ALIKE_SHARE = 0.1, 0.05
_BESIDE_M = 1.0
_FITS, _MAY_FIT, _AS_CLEAR = 0.5, 0.15, 0.3
_RESTS = {"on": geometry.rests_on, "under": geometry.is_under, "above": geometry.is_above}
_WORDS = {
    "on": "on", "under": "under", "above": "above", "beside": "next to", "left_of": "left of", "right_of": "right of",
    "behind": "behind", "in_front_of": "in front of",
}  # fmt: skip


@dataclass(frozen=True)
class Pick:
    """Places of the things that fit, best first, and why; or why none does."""

    places: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class Anchor:
    """What a relation refers to: things, or the viewer; words: for them, "the window"."""

    words: str
    things: tuple[Thing, ...] = ()
    viewer: Viewpoint | None = None

    def distance(self, thing: Thing) -> float:
        """Least horizontal distance m from ``thing``."""
        if self.viewer is not None:
            return thing.distance_to(self.viewer.position)
        return min(thing.distance(one) for one in self.things)

    def nearest(self, place: np.ndarray) -> Thing:
        """Of several things, the one whose centre is nearest to ``place`` [2]."""
        return min(self.things, key=lambda one: float(np.hypot(*(one.center - place))))


@dataclass(frozen=True)
class Surroundings:
    """What is true of the whole map. floor: its height m. white: linear RGB [3] of white. middle: [2] m on the plan."""

    floor: float
    white: np.ndarray
    middle: np.ndarray


def of_color(
    name: str, things: Sequence[Thing], white: np.ndarray, excluded: bool = False, plural: bool = False
) -> Pick:
    """Those of a colour; where none surely has it, the one that comes nearest to it.

    Where one is meant, those that fit less well than the best are left out.
    """
    fits = [color_memberships(thing.colors, white) for thing in things]
    own = np.array([fit[name] for fit in fits])
    if excluded:
        places = tuple(int(i) for i in np.flatnonzero(own < _FITS))
        return Pick(places, f"not {name}" if places else f"all are {name}")
    rival = np.array([max(value for other, value in fit.items() if other != name) for fit in fits])
    clear = own - 0.5 * rival
    order = [int(i) for i in np.argsort(-clear, kind="stable")]
    places = tuple(i for i in order if own[i] >= _FITS and (plural or clear[i] >= clear[order[0]] - _AS_CLEAR))
    if not places and own[order[0]] >= _MAY_FIT:
        places = (order[0],)
    if places:
        return Pick(places, name)
    seen = sorted({max(fit, key=lambda one: fit[one]) for fit in fits if max(fit.values()) > 0})
    return Pick((), f"none of them is {name}" + (f" ({', '.join(seen)})" if seen else ""))


def of_size(size: Size, things: Sequence[Thing], floor: float, ordinal: int | None, count: int | None) -> Pick:
    """The largest, the second tallest, the two smallest."""
    order, values, unit = by_size(size, things, floor)
    return _ranked(order, values, unit, size, ordinal, count)


def by_distance(query: Query, things: Sequence[Thing], anchor: Anchor) -> Pick:
    """The nearest or farthest, the second from, the two nearest; "beside" takes the nearest."""
    away = [anchor.distance(thing) for thing in things]
    sign = -1.0 if query.relation == "farthest" else 1.0
    order = [int(i) for i in np.argsort([sign * value for value in away], kind="stable")]
    if query.relation == "beside" and query.plural and query.count is None:
        close = [i for i in order if away[i] <= _BESIDE_M] or order[:1]
        return Pick(tuple(close), f"next to {anchor.words} (up to {max(away[i] for i in close):.1f} m)")
    words = f"farthest from {anchor.words}" if query.relation == "farthest" else f"nearest to {anchor.words}"
    return _ranked(order, away, "m", words, query.ordinal, query.count)


def resting(query: Query, things: Sequence[Thing], anchor: Anchor) -> Pick:
    """Those on, under or above one of the anchor's things."""
    test = _RESTS[str(query.relation)]
    places = [i for i, one in enumerate(things) if any(test(one, other) for other in anchor.things if other is not one)]
    return _filtered(places, len(things), query, anchor)


def on_floor(query: Query, things: Sequence[Thing], floor: float) -> Pick:
    """Those that stand on the floor."""
    places = [i for i, thing in enumerate(things) if thing.bottom - floor <= 0.15]
    return _filtered(places, len(things), query, Anchor("the floor"))


def in_between(query: Query, things: Sequence[Thing], first: Anchor, second: Anchor) -> Pick:
    """Those between two anchors, the one nearest to the line between them first."""
    aside: dict[int, float] = {}
    for place, thing in enumerate(things):
        found = [
            geometry.between(thing, one.center, other.center)
            for one in first.things
            for other in second.things
            if one is not other and thing is not one and thing is not other
        ]
        known = [value for value in found if value is not None]
        if known:
            aside[place] = min(known)
    order = sorted(aside, key=lambda place: aside[place])
    words = f"between {first.words} and {second.words}"
    if not order:
        return Pick((), f"none of them is {words}")
    return Pick(tuple(order if query.plural else order[:1]), f"{words} ({aside[order[0]]:.1f} m off the line)")


def on_side(query: Query, things: Sequence[Thing], anchor: Anchor, here: np.ndarray, seen_from: str) -> Pick:
    """Those on a side of the anchor for somebody at ``here`` [2] who looks at it; of several the nearest one.

    All of them where several are asked for.
    """
    side = str(query.relation)
    places, away = [], {}
    for place, thing in enumerate(things):
        mark = anchor.nearest(thing.center)
        if thing is not mark and geometry.Sight(here, mark.center).is_on_side(thing.center, side):
            places.append(place)
            away[place] = float(np.hypot(*(thing.center - mark.center)))
    places.sort(key=lambda place: away[place])
    pick = _filtered(places, len(things), query, anchor, f" seen from {seen_from}")
    if query.plural or query.excluded or len(places) < 2:
        return pick
    rank = (query.ordinal or 1) - 1 if query.ordinal != -1 else len(places) - 1
    if rank >= len(places):
        return Pick((), f"only {len(places)} are {_WORDS[side]} {anchor.words}")
    return Pick((places[rank],), f"{pick.reason}, the nearest of {len(places)} there")


def around_viewer(query: Query, things: Sequence[Thing], viewer: Viewpoint) -> Pick:
    """Those on a side of the viewer, the nearest first."""
    side, away = str(query.relation), [thing.distance_to(viewer.position) for thing in things]
    sight = geometry.Sight(viewer.position - viewer.ahead, viewer.position)
    places = []
    for place, thing in enumerate(things):
        ahead, left = sight.offset(thing.center)
        along = {"left_of": left, "right_of": -left, "behind": -ahead, "in_front_of": ahead}[side]
        across = abs(ahead) if side in ("left_of", "right_of") else abs(left)
        if along > 0.1 and across <= 2.0 * along:
            places.append(place)
    places.sort(key=lambda place: away[place])
    pick = _filtered(places, len(things), query, Anchor("the viewer"))
    if query.plural or query.excluded or len(places) < 2:
        return pick
    return Pick((places[0],), f"{pick.reason}, the nearest")


def outermost(query: Query, things: Sequence[Thing], viewer: Viewpoint) -> Pick:
    """The leftmost, the second from the right, as the viewer sees them."""
    sight = geometry.Sight(viewer.position, viewer.position + viewer.ahead)
    bearing = [float(np.degrees(sight.bearing(thing.center))) for thing in things]
    left = query.relation == "leftmost"
    order = [int(i) for i in np.argsort([-angle if left else angle for angle in bearing], kind="stable")]
    return _ranked(order, bearing, "°", f"farthest to the {'left' if left else 'right'}", query.ordinal, query.count)


def _filtered(places: list[int], total: int, query: Query, anchor: Anchor, more: str = "") -> Pick:
    words = f"{_WORDS.get(str(query.relation), 'on')} {anchor.words}{more}"
    if query.excluded:
        rest = tuple(place for place in range(total) if place not in places)
        return Pick(rest, f"not {words}" if rest else f"all of them are {words}")
    return Pick(tuple(places), words if places else f"none of them is {words}")


def _ranked(
    order: list[int], values: Sequence[float], unit: str, words: str, ordinal: int | None, count: int | None
) -> Pick:
    """One, or ``count``, in an order; says the next, and whether it is nearly the same."""
    rank = len(order) - 1 if ordinal == -1 else (ordinal or 1) - 1
    if rank >= len(order):
        return Pick((), f"there are only {len(order)}, so there is no number {rank + 1} in the order {words!r}")
    if count is not None and ordinal is None:
        chosen = order[:count]
        return Pick(tuple(chosen), f"{words} ({', '.join(f'{values[i]:.1f}' for i in chosen)} {unit})")
    numbered = words if rank == 0 and ordinal != -1 else f"number {rank + 1} in the order {words!r}"
    reason = f"{numbered} ({values[order[rank]]:.1f} {unit}"
    others = [i for i in (rank + 1, rank - 1) if 0 <= i < len(order)]
    if others and rank + 1 < len(order):
        reason += f"; the next {values[order[rank + 1]]:.1f} {unit}"
    reason += ")"
    if any(_alike(values[order[rank]], values[order[i]]) for i in others):
        reason += ", though another is nearly the same"
    return Pick((order[rank],), reason)


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= min(_ALIKE_M, max(0.02, _ALIKE_SHARE * max(abs(one), abs(other))))
