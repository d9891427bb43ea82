"""From a query to instances of a scene: the student names the things, geometry and colour choose among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mllm_for3d_ros.answering import choosing
from mllm_for3d_ros.answering.choosing import Anchor, Pick, Surroundings
from mllm_for3d_ros.answering.colors import white_of
from mllm_for3d_ros.answering.things import Thing, floor_height
from mllm_for3d_ros.answering.viewpoint import Viewpoint
from mllm_for3d_ros.language.relations.noun_phrase import is_plural, plural, singular
from mllm_for3d_ros.language.relations.query import VIEWER, Query
from mllm_for3d_ros.types import SceneCloud

_NEED_VIEWPOINT = 'say "seen from ..." or give a viewpoint'


@dataclass(frozen=True)
class Found:
    """What a student finds for a few words: its things (none if it says there are none), and its figures."""

    things: tuple[Thing, ...]
    probability: np.ndarray
    presence: float


@dataclass(frozen=True)
class Choice:
    """What a query picks.

    picks: things, best first. total: things of the kind. probability: [N] float32 of the kind. presence: the least
    of all that were asked for. reason: a clause. missing: whether a thing named was not found at all.
    """

    picks: tuple[Thing, ...]
    total: int
    probability: np.ndarray
    presence: float
    reason: str
    missing: bool = False


class _NotThere(Exception):
    """Something that a query refers to cannot be had; the text says what."""


class Resolver:
    """Resolves queries on one scene.

    Args:
        cloud: of the scene.
        ask: what the student finds for a few words.
        viewpoint: of whoever asks, if known.
    """

    def __init__(self, cloud: SceneCloud, ask: Callable[[str], Found], viewpoint: Viewpoint | None) -> None:
        self._cloud, self._ask, self._viewpoint = cloud, ask, viewpoint
        self._least = 1.0
        self._around: Surroundings | None = None

    def resolve(self, query: Query) -> Choice:
        """What ``query`` picks; no picks and the reason if nothing does."""
        self._least = 1.0
        return self._resolve(query)

    def _resolve(self, query: Query) -> Choice:
        found = self._ask(query.target)
        self._least = min(self._least, found.presence)
        if not found.things:
            why = f"no {singular(query.target)} (presence {found.presence:.2f})"
            return Choice((), 0, found.probability, self._least, why, missing=True)
        try:
            picks, reason = self._narrow(query, found.things)
        except _NotThere as cause:
            why = f"found {counted(len(found.things), query.target)} but {cause}"
            return Choice((), len(found.things), found.probability, self._least, why, missing=True)
        if not picks:
            reason = f"found {counted(len(found.things), query.target)}, but {reason}"
        return Choice(picks, len(found.things), found.probability, self._least, reason)

    def _narrow(self, query: Query, things: tuple[Thing, ...]) -> tuple[tuple[Thing, ...], str]:
        """Colour first, then the relation, then size: "the largest red box on the table"."""
        reasons: list[str] = []
        ranking = query.relation in ("nearest", "farthest", "beside", "leftmost", "rightmost")
        if query.color is not None:
            excluded = query.excluded and query.relation is None
            pick = choosing.of_color(query.color, things, self._surroundings.white, excluded, query.plural)
            things = _taken(pick, things, reasons)
        if query.relation is not None and things:
            asked = query
            if query.size is not None:  # the rank is that of the size
                asked = replace(query, ordinal=None, count=None, plural=True)
                asked = replace(asked, relation="beside") if ranking and query.relation == "nearest" else asked
            things = _taken(self._related(asked, things), things, reasons)
        if query.size is not None and things:
            pick = choosing.of_size(query.size, things, self._surroundings.floor, query.ordinal, query.count)
            things = _taken(pick, things, reasons)
        return things, ", ".join(reasons) if things else reasons[-1]

    def _related(self, query: Query, things: tuple[Thing, ...]) -> Pick:
        relation = query.relation
        if relation == "on_floor":
            return choosing.on_floor(query, things, self._surroundings.floor)
        if relation in ("leftmost", "rightmost"):
            return choosing.outermost(query, things, self._viewer_of(query, things))
        if relation == "between":
            return choosing.in_between(query, things, *self._two_anchors(query))
        if relation in ("nearest", "farthest", "beside") and query.anchors[0].is_viewer and self._viewpoint is None:
            why = f"without a viewpoint nobody knows which is {relation}; {_NEED_VIEWPOINT}"
            return Pick(tuple(range(len(things))), why)
        anchor = self._anchor(query.anchors[0])
        if relation in ("nearest", "farthest", "beside"):
            return choosing.by_distance(query, things, _without(anchor, things))
        if anchor.viewer is not None:
            if relation in ("on", "under", "above"):
                raise _NotThere(f"the viewer has nothing {relation} it")
            return choosing.around_viewer(query, things, anchor.viewer)
        if relation in ("on", "under", "above"):
            return choosing.resting(query, things, anchor)
        here, words = self._standpoint(query)
        return choosing.on_side(query, things, anchor, here, words)

    def _standpoint(self, query: Query) -> tuple[np.ndarray, str]:
        """From where a side is judged [2], and the words for it."""
        if query.viewpoint is not None:
            place = self._anchor(query.viewpoint)
            return np.mean([thing.center for thing in place.things[:1]], axis=0), place.words
        if self._viewpoint is not None:
            return self._viewpoint.position, "the viewpoint"
        if query.relation in ("left_of", "right_of"):
            raise _NotThere(f"it is not said from where {str(query.relation).split('_')[0]} is seen: {_NEED_VIEWPOINT}")
        return self._surroundings.middle, "the middle of the map"

    def _viewer_of(self, query: Query, things: tuple[Thing, ...]) -> Viewpoint:
        if query.viewpoint is not None:
            place = self._anchor(query.viewpoint).things[0].center
            toward = np.mean([thing.center for thing in things], axis=0) - place
            return Viewpoint(place, float(np.arctan2(toward[1], toward[0])))
        if self._viewpoint is None:
            raise _NotThere(f"it is not said from where left and right are seen: {_NEED_VIEWPOINT}")
        return self._viewpoint

    def _anchor(self, query: Query) -> Anchor:
        """The things that ``query`` means.

        Raises:
            _NotThere: there are none, or the viewer is meant and not known.
        """
        if query.target == VIEWER:
            if self._viewpoint is None:
                raise _NotThere(f"it is not known where the viewer is: {_NEED_VIEWPOINT}")
            return Anchor("the viewer", viewer=self._viewpoint)
        choice = self._resolve(query)
        if not choice.picks:
            raise _NotThere(choice.reason)
        several = choice.total > 1 and len(choice.picks) > 1 and not query.plural
        words = f"the {query.target}" + (f" ({len(choice.picks)} found)" if several else "")
        return Anchor(words, choice.picks)

    def _two_anchors(self, query: Query) -> tuple[Anchor, Anchor]:
        if len(query.anchors) == 2:
            return self._anchor(query.anchors[0]), self._anchor(query.anchors[1])
        both = self._anchor(query.anchors[0])
        if len(both.things) < 2:
            raise _NotThere(f"only one {singular(query.anchors[0].target)}")
        return Anchor(f"one {singular(query.anchors[0].target)}", both.things), Anchor("another", both.things)

    @property
    def _surroundings(self) -> Surroundings:
        if self._around is None:
            plan = self._cloud.points[:: max(1, len(self._cloud) // 20000), :2]
            middle = np.median(plan, axis=0).astype(np.float64)
            self._around = Surroundings(floor_height(self._cloud), white_of(self._cloud.colors), middle)
        return self._around


def counted(number: int, noun: str) -> str:
    """A number of things: "1 chair", "4 chairs", "2 x 'something to sit on'"."""
    if len(noun.split()) > 3:
        return f"{number} x {noun!r}"
    return f"{number} {singular(noun) if number == 1 else plural(noun) if not is_plural(noun) else noun}"


def _taken(pick: Pick, things: tuple[Thing, ...], reasons: list[str]) -> tuple[Thing, ...]:
    reasons.append(pick.reason)
    return tuple(things[place] for place in pick.places)


def _without(anchor: Anchor, things: tuple[Thing, ...]) -> Anchor:
    """The anchor without those of its things that are among ``things``: the chair nearest to another chair."""
    if anchor.viewer is not None:
        return anchor
    own = [thing.instance.indices for thing in things]
    others = tuple(
        one for one in anchor.things
        if not any(np.isin(one.instance.indices, indices, assume_unique=True).mean() > 0.5 for indices in own)
    )  # fmt: skip
    return replace(anchor, things=others) if others else anchor
