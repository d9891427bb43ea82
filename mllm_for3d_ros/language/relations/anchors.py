"""What a relation refers to: "the window", "the table next to the sofa", "the thing that shows films", "me"."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from mllm_for3d_ros.language.relations.noun_phrase import DETERMINERS, QUESTIONING, VIEWER_PATTERN, parse_head
from mllm_for3d_ros.language.relations.query import VIEWER, Query, Relation

_FLOOR = re.compile(r"^(?:the |our |my )?(?:bare |wooden )?(?:floor|ground|floorboards|parquet)$")
_NO_OBJECTS = frozenset(
    """
wall walls ceiling corner corners room rooms kitchen bathroom bedroom hall hallway corridor house home flat
apartment office left right way go air side sides top bottom back front street garden world middle centre center
end edge right-hand place spot moment time times day days night weekend morning evening phone internet web move
run spot whole other others foot feet head heads lap knees knee hand hands arm arms shoulder shoulders skin hair
neck face eyes ear ears toes leg legs fingers finger body tongue teeth mouth nose chin wrist road beach sea sun
sky moon stars water weather lawn outside inside job business trip holiday vacation journey train plane bus ice
snow stage screen market menu list line hour minute floor ground wind fire rain cold heat dark light-switch meal
meals dinner lunch breakfast guests friends people kids children years past future stomach tummy belly forehead
thigh thighs armpit armpits chest's saddle bread toast sandwich pavement sidewalk push river lake city street
ocean mountain surface same thing things it them this that one ones
""".split()
)
_BODY = re.compile(
    r"^(?:my|your|his|her|their|our) (?:\w+ )?(?:back|head|side|chest|own|way|bottom|lips|nails|clothes)$"
)
_BEGINNINGS = (DETERMINERS | {"two", "three"}) - QUESTIONING - {"one"}
_FREE_WORDS = 8
_NOT_FIRST = frozenset("on in at by from to into under over above below and or not it its that which".split())


def viewer_query(text: str) -> Query | None:
    """A query for whoever asks, if ``text`` means them."""
    return Query(VIEWER) if re.fullmatch(VIEWER_PATTERN, text) else None


def anchor_queries(
    text: str, relation: Relation, telegraphic: bool, nested: Callable[[str], Query | None]
) -> tuple[Query, ...] | Literal["floor"] | None:
    """What ``text`` refers to.

    Args:
        text: all words after a relation.
        relation: two things are read for "between".
        telegraphic: whether the thing itself came without article, so that the anchor may do so.
        nested: reads a noun phrase that holds a relation or attribute, None if it holds none.

    Returns:
        One query, two for "between", "floor" for a thing on the floor, None if ``text`` names no object.
    """
    text = text.strip(" ,")
    if relation == "between":
        return _two(text, nested)
    if relation == "on" and _FLOOR.match(text):
        return "floor"
    one = _one(text, telegraphic, nested)
    return None if one is None else (one,)


def _two(text: str, nested: Callable[[str], Query | None]) -> tuple[Query, ...] | None:
    first, _, second = text.partition(" and ")
    if second:
        if second.split()[0] not in _BEGINNINGS and first.split()[0] in ("the", "my", "our"):
            second = f"the {second}"
        pair = _one(first, False, nested), _one(second, False, nested)
        return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])
    one = _one(text, False, nested)
    return (one,) if one is not None and one.plural else None


def _one(text: str, telegraphic: bool, nested: Callable[[str], Query | None]) -> Query | None:
    viewer = viewer_query(text)
    if viewer is not None:
        return viewer
    words = text.split()
    if not words or "," in words:
        return None
    if words[0] not in _BEGINNINGS and not (telegraphic and len(words) <= 2):
        return None
    if _BODY.match(text):
        return None
    query = nested(text)
    if query is not None:
        return None if names_no_object(query.target) else query
    head = parse_head(text)
    if head is not None:
        return (
            None
            if not head.noun or names_no_object(head.noun)
            else Query(head.noun, plural=head.plural, count=head.count)
        )
    return _described(words)


def _described(words: list[str]) -> Query | None:
    """A definite description in free words: "the thing that shows films"."""
    body = words[1:]
    if (
        words[0] not in ("the", "my", "our", "your", "that")
        or not 2 <= len(body) <= _FREE_WORDS
        or body[0] in _NOT_FIRST
    ):
        return None
    if not {"that", "which", "where", "with", "who", "i", "we", "you"} & set(body[1:]):
        return None
    return (
        None if names_no_object(body[0]) and body[0] not in ("thing", "place", "spot", "one") else Query(" ".join(body))
    )


def names_no_object(noun: str) -> bool:
    """Whether a noun is a part of the building, of a body or of speech rather than an object of the map."""
    return noun.split(" of ")[0].split()[-1] in _NO_OBJECTS
