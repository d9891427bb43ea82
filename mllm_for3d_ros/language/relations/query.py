"""What an instruction asks for, taken apart: a kind of thing, and what chooses among the things of that kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Relation = Literal[
    "nearest", "farthest", "beside", "on", "under", "above", "between",
    "left_of", "right_of", "behind", "in_front_of", "leftmost", "rightmost", "on_floor",
]  # fmt: skip
Size = Literal["largest", "smallest", "tallest", "shortest", "longest", "highest", "lowest"]
SIDES: tuple[Relation, ...] = ("left_of", "right_of", "behind", "in_front_of", "leftmost", "rightmost")
UNANCHORED: tuple[Relation, ...] = ("leftmost", "rightmost", "on_floor")
VIEWER = "(viewer)"
"""Stands in an anchor's or viewpoint's text for whoever asks: "nearest to me"."""


@dataclass(frozen=True)
class Query:
    """One noun phrase.

    target: the kind of thing in words, without what chooses ("chair", "something to sit on"). relation: to
    ``anchors``, one of them but for "between" (one of which two are meant, or two), none for "leftmost",
    "rightmost" and "on_floor". viewpoint: from where sides are judged; None leaves it to the caller.
    ordinal: the how-maniest in the order of the relation or size, from 1, -1 the last. size, color: as
    named. plural: whether several may be meant. count: how many, if said. excluded: whether what fits the relation
    or colour is not meant ("the chair that is not red"). loose: neither the thing nor the anchor is a certain one, so
    that the words may only describe a kind ("a shade on a pole").
    """

    target: str
    relation: Relation | None = None
    anchors: tuple[Query, ...] = ()
    viewpoint: Query | None = None
    ordinal: int | None = None
    size: Size | None = None
    color: str | None = None
    plural: bool = False
    count: int | None = None
    excluded: bool = False
    loose: bool = False

    def __post_init__(self) -> None:
        if self.relation is not None and self.relation not in get_args(Relation):
            raise ValueError(f"unknown relation {self.relation!r}; choose from {', '.join(get_args(Relation))}")
        wanted = (1, 2) if self.relation == "between" else (1,) if self._needs_anchor else (0,)
        if len(self.anchors) not in wanted:
            raise ValueError(f"relation {self.relation!r} needs {wanted[0]} anchors, got {len(self.anchors)}")

    @property
    def _needs_anchor(self) -> bool:
        return self.relation is not None and self.relation not in UNANCHORED

    @property
    def is_plain(self) -> bool:
        """Whether nothing chooses among the things of the kind."""
        return self.relation is None and self.size is None and self.color is None and self.ordinal is None

    @property
    def is_viewer(self) -> bool:
        """Whether whoever asks is meant."""
        return self.target == VIEWER
