"""Colours and sizes said after the thing: "the chair that is red", "the lamp which is the tallest"."""

from __future__ import annotations

import re
from dataclasses import replace

from mllm_for3d_ros.language.color_words import COLOR_OF_WORD, COLOR_PATTERN, SHADES
from mllm_for3d_ros.language.relations.noun_phrase import SIZE_PATTERN, Head, parse_head, size_of
from mllm_for3d_ros.language.relations.query import Size

_SHADE = f"(?:(?:{'|'.join(sorted(SHADES))}) )?"
_BE = r"(?:is|are|was|looks?|seems?|appears?|comes?|being|has been)"
_IS = rf"(?:(?:(?:that|which|who|it) )?{_BE}(?: all| mostly| mainly)?(?P<no> not)?)"
_MADE = r"(?:in|of|painted|colou?red|finished in|upholstered in|covered in)"
_HAS = r"(?:whose colou?r is|with (?:a |the )?colou?r|(?:that|which) has|having|has|with)"
_COLOR = re.compile(
    rf"^(?P<left>.+?)(?: ,)? (?:{_IS}(?: {_MADE})?|{_MADE}|{_HAS})(?: a| an| the| any)?(?: colou?r)? {_SHADE}"
    rf"(?P<color>{COLOR_PATTERN})(?: colou?r| colou?red| in colou?r| paint| finish| one| ones| shade| tone)*$"
)
_OF_ALL = r"of (?:all|them|them all|the lot|these|those|the bunch|the group|all of them)"
_OTHERS = r"(?:all |any of )?(?:the )?(?:others?|rest|other ones|other \w+)"
_SIZE = re.compile(
    r"^(?P<left>.+?)(?: ,)? (?:(?:that|which|who|it) )?"
    r"(?:(?:is|are|stands?|looks?|seems?|being|reaches|rises|appears|measures)(?: by far| clearly| visibly)?"
    r"(?: the)? )?"
    rf"(?P<size>{SIZE_PATTERN})"
    rf"(?: one| ones| {_OF_ALL}| in (?:size|height|length|volume|here)| than {_OTHERS}| overall| up)*$"
)
_MOST, _LEAST = r"(?:the )?(?:greatest|largest|biggest|most|maximum)", r"(?:the )?(?:smallest|least|lowest)"
_WITH = r"(?:with|having|of|that has|which has|has)"
_FILLS = r"(?:that |which )?(?:takes|takes up|taking up|occupies|occupying|needs|fills)"
_RISES = r"(?:that |which )?(?:towers|towering|rises|rising|sticks (?:out|up)|reaches|goes|extends|comes|gets)"
_CEILING = (
    r"(?:that |which )?(?:(?:is|stands|reaches|comes|gets|rises) )?(?:the )?(?:closest|nearest)(?: to)? the ceiling"
)
_EXTENT = r"(?:size|volume|dimensions|extent|footprint)"
_WORDED: tuple[tuple[Size, str], ...] = (
    ("tallest", rf"{_WITH} {_MOST} height"),
    ("largest", rf"{_WITH} {_MOST} {_EXTENT}"),
    ("longest", rf"{_WITH} {_MOST} (?:length|width)"),
    ("largest", rf"{_FILLS} (?:the )?(?:most|more) (?:room|space|place|floor)"),
    ("smallest", rf"{_FILLS} (?:the )?(?:least|less) (?:room|space|place|floor)"),
    ("smallest", rf"{_WITH} {_LEAST} {_EXTENT}"),
    ("shortest", rf"{_WITH} {_LEAST} height"),
    ("tallest", rf"{_RISES} (?:up )?(?:the )?(?:above|over|highest|higher than)(?: {_OTHERS})?"),
    ("tallest", _CEILING),
    ("largest", rf"(?:that |which )?(?:dwarfs|dwarfing) {_OTHERS}"),
)
_BY_WORDS = tuple((size, re.compile(rf"^(?P<left>.+?)(?: ,)? {pattern}$")) for size, pattern in _WORDED)
_CONTRAST = re.compile(
    r"^(?P<left>.+?)(?: ,)? (?:and |but )?(?:not|rather than|instead of|as opposed to|never|no) "
    r"(?:the |that |any |one of the )?(?P<other>[\w ]+)$"
)
_BIG, _SMALL = frozenset("large big huge great bulky wide".split()), frozenset("small little tiny compact mini".split())
_HIGH, _LOW = frozenset("tall high".split()), frozenset("low short squat".split())
_PLAIN: tuple[tuple[Size, frozenset[str], frozenset[str]], ...] = (
    ("largest", _BIG, _SMALL | {"smaller"}),
    ("smallest", _SMALL, _BIG | {"bigger", "larger"}),
    ("tallest", _HIGH, _LOW | _SMALL | {"lower", "shorter"}),
    ("shortest", _LOW, _HIGH | _BIG | {"taller", "higher"}),
)


def take_predicate(text: str) -> Head | None:
    """A noun phrase with a colour or size said after it, None if there is none."""
    match = _COLOR.match(text)
    if match:
        head = parse_head(match["left"])
        if head is not None and head.color is None:
            return replace(head, color=COLOR_OF_WORD[match["color"]], excluded=head.excluded or bool(match["no"]))
    match = _SIZE.match(text)
    if match:
        head = parse_head(match["left"])
        if head is not None and head.size is None:
            return replace(head, size=size_of(match["size"]))
    for size, pattern in _BY_WORDS:
        match = pattern.match(text)
        head = parse_head(match["left"]) if match else None
        if head is not None:
            return replace(head, size=size)
    return None


def take_contrast(text: str) -> tuple[str, Size | None] | None:
    """Of "the large table , not the small one" the phrase before the contrast, without its adjective, and the size.

    None if there is no contrast; a size of None for another contrast ("the red chair , not the blue one").
    """
    match = _CONTRAST.match(text)
    if match is None:
        return None
    words, other = match["left"].split(), set(match["other"].split())
    for size, own, opposite in _PLAIN:
        said = own & set(words[:-1])
        if said and opposite & other:
            return " ".join(word for word in words if word not in said), size
    return (match["left"], None) if "one" in other or "ones" in other or "others" in other else None
