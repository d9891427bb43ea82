"""The last resort for unusual wordings: a word that only relations have, and exactly the things that it needs.

"Nearest to the window I would like a chair" fits no pattern; but it says "nearest", and names two things, of which the
one after it is what is near. A sentence that names more or fewer things says nothing here.
"""

from __future__ import annotations

import re

from mllm_for3d_ros.language.relations.anchors import names_no_object
from mllm_for3d_ros.language.relations.noun_phrase import (
    DETERMINERS,
    NEVER_IN_NOUN,
    parse_head,
    singular,
    size_of,
)
from mllm_for3d_ros.language.relations.query import Query, Relation
from mllm_for3d_ros.language.relations.verbs import is_plain_verb

_NEAR = re.compile(r"\b(?:nearest|closest)\b(?: (?:to|by|of all to))?")
_FAR = re.compile(r"\b(?:farthest|furthest|most distant)\b(?: away)?(?: from)?")
_SIDE = re.compile(r"\b(?P<side>left|right)(?: hand)?(?: side)? of\b")
_SEEN_FROM = re.compile(r"\b(?:from|standing (?:at|by|near)|stand (?:at|by|near)|stands (?:at|by|near))$")
_SIZE = re.compile(r"\b(?P<size>largest|biggest|smallest|tiniest|tallest)\b(?= (?:of|one|that|which|i|you|is|,)|$)")
_STOPS = NEVER_IN_NOUN | DETERMINERS | frozenset(
    """, one ones of with for no nearest closest farthest furthest most distant left right largest biggest smallest
    tallest larger bigger smaller taller would like want need please other others rest""".split()
)  # fmt: skip
_LONGEST = 4


def guess_query(words: str) -> Query | None:
    """The query of ``words`` (see ``plain_words``) by keywords, None unless there is exactly one way to read it."""
    if re.search(r"\b(?:not|no|never|nor)\b", words):
        return None
    named = _named(words.split())
    sides, near, far, sizes = (list(p.finditer(words)) for p in (_SIDE, _NEAR, _FAR, _SIZE))
    if len(sides) + len(near) + len(far) + len(sizes) != 1:
        return None
    if sides:
        side: Relation = "left_of" if sides[0]["side"] == "left" else "right_of"
        return _on_side(words, side, sides[0].end(), named)
    if near or far:
        return _at_distance("nearest" if near else "farthest", (near or far)[0].end(), named)
    return Query(next(iter(_kinds(named))), size=size_of(sizes[0]["size"])) if len(_kinds(named)) == 1 else None


def _at_distance(relation: Relation, place: int, named: list[tuple[int, str]]) -> Query | None:
    anchors = {noun for start, noun in named if start - place in (0, 1)}
    targets = _kinds(named) - anchors
    if len(anchors) != 1 or len(targets) != 1:
        return None
    return Query(targets.pop(), relation, (Query(anchors.pop()),))


def _on_side(words: str, side: Relation, place: int, named: list[tuple[int, str]]) -> Query | None:
    anchors = {noun for start, noun in named if start - place in (0, 1)}
    views = {noun for start, noun in named if _SEEN_FROM.search(words[:start].rstrip())} - anchors
    targets = _kinds(named) - anchors - views
    if len(anchors) != 1 or len(views) != 1 or len(targets) != 1:
        return None
    return Query(targets.pop(), side, (Query(anchors.pop()),), Query(views.pop()))


def _kinds(named: list[tuple[int, str]]) -> set[str]:
    return {noun for _, noun in named}


def _named(words: list[str]) -> list[tuple[int, str]]:
    """Where each noun with a determiner begins (at the determiner, in characters), and the noun in the singular."""
    found = []
    start = 0
    for place, word in enumerate(words):
        if word in DETERMINERS and word not in ("one", "this", "that", "his", "her"):
            noun = []
            for following in words[place + 1 : place + 1 + _LONGEST]:
                if following in _STOPS or is_plain_verb(following):
                    break
                noun.append(following)
            head = parse_head(" ".join(noun)) if noun else None
            if head is not None and head.noun and not head.chooses and not names_no_object(head.noun):
                found.append((start, singular(head.noun)))
        start += len(word) + 1
    return found
