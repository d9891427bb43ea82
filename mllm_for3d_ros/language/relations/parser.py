"""From a sentence to a ``Query``: deterministic, without a model, and silent where nothing is surely said.

What only describes an intent ("something to put my cup on", "turn on the lamp") has no relation; neither has what
names a part of the building that is no object ("in the corner", "on the wall").
"""

from __future__ import annotations

import re
from dataclasses import replace

from mllm_for3d_ros.language.relations.anchors import anchor_queries, viewer_query
from mllm_for3d_ros.language.relations.attributes import take_contrast, take_predicate
from mllm_for3d_ros.language.relations.connectives import Connective, connectives
from mllm_for3d_ros.language.relations.keywords import guess_query
from mllm_for3d_ros.language.relations.noun_phrase import VIEWER_PATTERN, Head, parse_head
from mllm_for3d_ros.language.relations.partitions import take_partition
from mllm_for3d_ros.language.relations.query import SIDES, UNANCHORED, VIEWER, Query, Relation
from mllm_for3d_ros.language.relations.viewpoints import Viewed, take_leading_viewpoint, take_viewpoint
from mllm_for3d_ros.language.relations.wording import plain_words, without_action, without_request

_APPOSITION = re.compile(
    r"^(?P<kind>[^,]+?) ,(?: (?:and |but )?(?:i mean|but|namely|that is|precisely|exactly|specifically))? (?P<rest>.+)$"
)
_WITH_DISTANCE = re.compile(
    r" (?:to|from|away from|off from|towards|relative to|(?:counting|counted|starting) from|as counted from|by) "
)
_WHOSE_DISTANCE = re.compile(
    r"^(?P<left>.+?) whose distance (?:to|from) (?P<right>.+?) is (?:the )?(?P<which>smallest|least|shortest"
    r"|lowest|minimal"
    r"|greatest|largest|longest|maximal|biggest)$"
)
_END_SIDE = re.compile(
    r"^(?P<left>.*?) ?(?:,|that|which|who)?(?: ?(?:is|are|stands?|lies?|sits?|standing|lying|sitting|located"
    r"|placed|to be found))*"
    r" (?:to|on|at|off to|towards) (?P<whose>its|the|their|his|her|your|my|our|(?:the|a|an|my|our) [\w ]+?(?:'s"
    r"|s')) (?:immediate )?(?P<side>left|right)"
    r"(?: hand)?(?: side)?(?P<of> of (?:it|me|you|us|the robot))?$"
)
_FROM_SIDE = re.compile(
    r"^(?P<left>.+?)(?: (?:counting|counted|starting|when counting))? (?:from|on) (?:the )?(?:far |very "
    r"|extreme )?(?P<side>left|right)(?: hand)?(?: side)?$"
)
_FRONTED_END = re.compile(
    r" (?:, (?:there (?:is|are|stands|lies|was) )?|there (?:is|are|stands|lies|sits|must be) |(?:is|are|stands"
    r"|lies|sits) "
    r"|(?:you|i|we) (?:will |can |should )?(?:find|see|left|put|have) )"
)
_EXCLUDABLE = ("on", "under", "above", "beside", "left_of", "right_of", "behind", "in_front_of", "on_floor")
_CERTAIN = re.compile(rf"(?:the|my|our|your|this|that|these|those)\b|{VIEWER_PATTERN}$")
_STRICT_WORDS = frozenset("by at along around round against to touching over below".split())


def parse_query(text: str) -> Query | None:
    """What chooses among things of a kind in an instruction, or None where nothing does.

    Args:
        text: any sentence.

    Returns:
        The query, or None: then the sentence as a whole says what is meant.
    """
    words = plain_words(text)
    asked = without_request(words)
    kind, asked = take_partition(asked)
    leading = take_leading_viewpoint(words) if kind is None else None
    viewed = leading or take_viewpoint(asked)
    rest = without_request(viewed.rest)
    if kind is None:
        kind, rest = take_partition(rest)
    rest = without_action(without_request(rest))
    query = _sentence(rest, words, kind, viewed)
    said = query is not None and (query.relation or query.size or query.color)
    whole = _with_viewpoint(query, viewed) if query is not None and said else None
    return whole or guess_query(words)


def _with_viewpoint(query: Query, viewed: Viewed) -> Query | None:
    if viewed.view is None or query.relation not in SIDES:
        return query
    viewpoint = viewer_query(viewed.view) or _one_anchor(viewed.view)
    if viewpoint is None:
        return None
    return replace(query, viewpoint=None if viewpoint.is_viewer else viewpoint)


def _sentence(text: str, asked: str, kind: str | None, viewed: Viewed) -> Query | None:
    contrast = take_contrast(text)
    if contrast is not None:
        text, size = contrast
        head = parse_head(text)
        if size is not None and head is not None and head.noun:
            return replace(_query(head, head.noun), size=size)
    if viewed.anchor is not None:
        return _side_of(text, viewed.anchor, kind)
    return _phrase(text, asked, kind) or _appositive(text, asked, kind) or _fronted(text, asked)


def _appositive(text: str, asked: str, kind: str | None) -> Query | None:
    """As in "a chair , the one by the window" and "the cup on the table , the white one"."""
    match = _APPOSITION.match(text)
    if match is None or kind is not None:
        return None
    rest = without_request(match["rest"])
    head = parse_head(match["kind"])
    if head is not None and head.noun and not head.bare and not head.chooses and head.noun != VIEWER:
        query = _phrase(rest, asked, head.noun)
        if query is None and head.definite:
            query = _phrase(f"{match['kind']} {rest}", asked, None)
        return query
    first, second = _phrase(match["kind"], asked, None), parse_head(rest)
    if first is not None and second is not None and not second.noun and (second.color or second.size):
        return replace(first, color=second.color or first.color, size=second.size or first.size)
    return None


def _fronted(text: str, asked: str) -> Query | None:
    """As in "on the table there is a cup" and "closest to the window , which chair"."""
    for link in connectives(text, asked):
        if link.before:
            continue
        for end in _FRONTED_END.finditer(link.after):
            target = without_request(link.after[end.end() :])
            head = parse_head(target)
            if head and head.noun and head.noun != VIEWER and not head.bare:
                viewed = take_viewpoint(f"it left {link.after[: end.start()]}" if link.relation in SIDES else "")
                anchor = viewed.rest.removeprefix("it left ") if viewed.view else link.after[: end.start()]
                query = _related(head, head.noun, link, anchor)
                if query is not None:
                    return _with_viewpoint(query, viewed)
    return None


def _phrase(text: str, asked: str, kind: str | None) -> Query | None:
    """A noun phrase with whatever chooses in it; ``kind`` stands for "one"."""
    if re.search(r" , ", text):
        shorter = re.sub(
            r" , (?=(?:which|that|who|on|under|next|near|clos|beside|left|right|to the|behind|in front|far|fur)\w*\b)",
            " ",
            text,
        )
        if " , " in shorter:
            return None
        text = shorter
    return (
        _by_distance(text, kind)
        or _sided(text, kind)
        or _connected(text, asked, kind)
        or _attributed(text, kind)
    )  # fmt: skip


def _attributed(text: str, kind: str | None) -> Query | None:
    """Colour, size or the viewer's own distance alone."""
    head = _noun_before(text)
    if head is None or not (head.noun or kind) or head.noun == VIEWER:
        return None
    query = _query(head, head.noun or str(kind))
    if query.relation is None and head.distance:
        return replace(query, relation=head.distance, anchors=(Query(VIEWER),))
    return None if query.is_plain else query


def _noun_before(text: str) -> Head | None:
    """A head, also with a predicate: "the chair that is red"."""
    return parse_head(text) or take_predicate(text)


def _query(head: Head, target: str) -> Query:
    query = Query(target, None, (), None, head.ordinal, head.size, head.color, head.plural, head.count, head.excluded)
    return replace(query, relation=head.side) if head.side else query


def _by_distance(text: str, kind: str | None) -> Query | None:
    """As in "the second closest chair to the window", "the third chair from the door"."""
    whose = _WHOSE_DISTANCE.match(text)
    if whose:
        head = _noun_before(whose["left"])
        near = whose["which"] in ("smallest", "least", "shortest", "lowest", "minimal")
        if head and (head.noun or kind):
            return _anchored(_query(head, head.noun or str(kind)), "nearest" if near else "farthest", whose["right"])
    for link in _WITH_DISTANCE.finditer(text):
        head = parse_head(text[: link.start()])
        if head is None or not (head.noun or kind) or head.noun == VIEWER:
            continue
        counted = head.ordinal is not None and "from" in link.group()
        if head.distance or counted:
            relation: Relation = "farthest" if head.distance == "farthest" else "nearest"
            query = _anchored(_query(head, head.noun or str(kind)), relation, text[link.end() :])
            if query is not None:
                return query
    return None


def _sided(text: str, kind: str | None) -> Query | None:
    """As in "the chair on the left", "the second chair from the left", "the lamp to the sofa's right"."""
    for pattern in (_FROM_SIDE, _END_SIDE):
        match = pattern.match(text)
        if match is None:
            continue
        head = _noun_before(match["left"]) if match["left"] else None
        if head is None and not (kind and not match["left"]):
            continue
        target = (head.noun if head else "") or kind
        if not target or target == VIEWER:
            continue
        query = _query(head, target) if head else Query(target)
        whose, of = match.groupdict().get("whose", "the"), match.groupdict().get("of")
        side, most = f"{match['side']}_of", f"{match['side']}most"
        if whose in ("your", "my", "our") or (of and of != " of it"):
            return replace(query, relation=side, anchors=(Query(VIEWER),))  # type: ignore[arg-type]
        if whose in ("its", "their", "his", "her") or of:
            return None
        if whose != "the":
            return _anchored(query, side, re.sub(r"'s?$", "", whose))  # type: ignore[arg-type]
        return replace(query, relation=most)  # type: ignore[arg-type]
    return None


def _side_of(text: str, anchor: str, kind: str | None) -> Query | None:
    """As in "facing the desk from the door , the lamp on its left": ``anchor`` is the desk."""
    match = _END_SIDE.match(text)
    if match is None:
        return _phrase(text, text, kind)
    head = _noun_before(match["left"]) if match["left"] else None
    target = (head.noun if head else "") or kind
    if not target:
        return None
    query = _query(head, target) if head else Query(target)
    return _anchored(query, f"{match['side']}_of", anchor)  # type: ignore[arg-type]


def _connected(text: str, asked: str, kind: str | None) -> Query | None:
    for link in connectives(text, asked):
        head = _noun_before(link.before) if link.before else None
        if head is None and (link.before or not kind):
            continue
        target = (head.noun if head else "") or kind
        if not target or target == VIEWER:
            continue
        query = _related(head or Head("", definite=True), target, link, link.after)
        if query is not None:
            return query
    return None


def _related(head: Head, target: str, link: Connective, anchor: str) -> Query | None:
    """``target`` in the relation of ``link`` to what is named by ``anchor``."""
    if link.stated and not head.asking and link.relation not in SIDES:
        return None
    if link.words.split()[0] in _STRICT_WORDS and (head.bare or not re.match(r"(?:the|this|that)\b", anchor)):
        return None
    if link.words == "from" and not head.definite:
        return None
    relation = link.relation
    query = _query(head, target)
    if link.ordinal is not None:
        query = replace(query, ordinal=link.ordinal)
    if link.excluded and relation in _EXCLUDABLE:
        query = replace(query, excluded=True)
    if relation == "nearest" and query.plural and query.count is None and query.ordinal is None:
        relation = "beside"
    loose = not head.definite and not _CERTAIN.match(anchor)
    return _anchored(replace(query, loose=loose), relation, anchor, telegraphic=head.bare)


def _anchored(query: Query, relation: Relation, anchor: str, telegraphic: bool = False) -> Query | None:
    found = anchor_queries(anchor, relation, telegraphic, _nested)
    if found is None:
        return None
    if found == "floor":
        return replace(query, relation="on_floor", anchors=())
    if relation in UNANCHORED:
        return None
    return replace(query, relation=relation, anchors=found)


def _nested(text: str) -> Query | None:
    """An anchor that is itself chosen: "the table next to the window"."""
    return _phrase(text, text, None)


def _one_anchor(text: str) -> Query | None:
    found = anchor_queries(text, "nearest", True, _nested)
    return found[0] if isinstance(found, tuple) else None
