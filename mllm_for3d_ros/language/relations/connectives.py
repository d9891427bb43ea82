"""Words that put a thing in relation to another: "that stands right next to"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mllm_for3d_ros.language.relations.noun_phrase import ORDINALS
from mllm_for3d_ros.language.relations.query import Relation

_HALF = r"(?: hand)?(?: side| edge| end)?"
_LEAST = r"(?:smallest|least|shortest|minimum|minimal|lowest)"
_MOST = r"(?:greatest|largest|longest|biggest|maximum|maximal)"
_HAVING = r"(?:with|at|having|has|of)"
_SIDE_OF = r"(?:(?:to|on|at|off to|towards?) (?:the )?)?"
_PATTERNS: tuple[tuple[Relation, str], ...] = (
    ("nearest", r"(?:nearest|closest|nearer|closer)(?: of (?:all|them|them all))?(?: to| by| towards?)?"),
    ("nearest", rf"{_HAVING} (?:the |a )?{_LEAST} distance (?:to|from|of|towards)"),
    ("nearest", r"(?:least far|least distant|shortest way)(?: away)? from"),
    ("nearest", r"shortest (?:way|path|walk|route) (?:to|from)"),
    ("nearest", rf"(?:{'|'.join(ORDINALS)}) (?:one )?(?:counted |counting |starting |away |as seen "
     "|seen )?(?:from|to)"),
    ("farthest", r"(?:farthest|furthest|farther|further|remotest|most distant|most remote|most far|least close"
     "|least near)"
                 r"(?: of (?:all|them))?(?: away| off| removed| apart)*(?: from| to)"),
    ("farthest", rf"{_HAVING} (?:the |a )?{_MOST} distance (?:to|from|of)"),
    ("farthest", rf"{_MOST} (?:distance|way)(?: away| off)* from"),
    ("farthest", r"(?:(?:long|great) (?:way|distance)(?: off| away)*|far(?: off| away)*|distant|remote|well away"
                 r"|as far(?: away)? as possible|at (?:the|a) (?:opposite|other|far) (?:end"
                 r"|side)(?: of the room)?) from"),
    ("beside", r"(?:next|close|near|adjacent|nearby|alongside|beside|besides|by|closely)(?: (?:to|by|beside|of))?"),
    ("beside", r"(?:by|at|along) (?:the )?(?:side|edge|foot|head) of"),
    ("beside", r"(?:to|at|on) (?:the|one|either|both) sides? of"),
    ("beside", r"in (?:the )?(?:immediate |close |closest |direct )?(?:vicinity|neighbou?rhood|proximity) (?:of|to)"),
    ("beside", r"not far(?: away| off)? from|within (?:easy |arm's )?reach of|in reach of|at|around|round|up against"
               r"|against|touching|bordering|flanking|neighbou?ring|adjoining|along|surrounding"
               r"|(?:step|stone's throw|hand's breadth) (?:away )?from"),
    ("on", r"on (?:the )?top of|on top|on (?:the )?(?:surface|seat) of|atop of|atop|upon|onto|on to|on"),
    ("on", r"(?:supported|carried|held) by"),
    ("under", r"(?:underneath|under|beneath|below)(?: of)?"),
    ("above", r"above|over"),
    ("between", r"between|in the middle between|amid"),
    ("behind", r"behind|in back of|at the (?:back|rear) of|to the rear of"),
    ("in_front_of", r"in front of|ahead of|at the front of|to the front of"),
    ("left_of", rf"{_SIDE_OF}left{_HALF} (?:of|from)|(?:further|farther|more) (?:to the )?left than"),
    ("right_of", rf"{_SIDE_OF}right{_HALF} (?:of|from)|(?:further|farther|more) (?:to the )?right than"),
)  # fmt: skip
_COMPILED = tuple((relation, re.compile(rf"(?<![\w'])(?:{pattern})(?= )")) for relation, pattern in _PATTERNS)
_OFF = re.compile(r"(?<![\w'])(?:off(?: of)?|from(?: the top of| on top of)?|down from)(?= )")
_TAKING = re.compile(
    r"^(?:[\w']+ ){0,6}?(?:take|remove|lift|pick|get|grab|bring|fetch|clear|collect|hand|pass|retrieve|give)\b"
)
_RELATIVE = frozenset("that which who".split())
_FINITE = frozenset(
    "is are was were stands stand sits sit lies lie rests rest hangs hang leans stood sat lay remains comes".split()
)
_PUT = re.compile(
    r"(?:^|(?<= ))(?:(?:that|which) )?(?:can|has been|have been|had been|happens to be|you can (?:see|find)"
    r"|can be (?:seen|found)|(?:i|we|you|somebody|someone)(?: have| had| just| can| will)?"
    r"(?: placed| keep| store| see| find| reach| get)?"
    r"|has|with|is visible|can be seen|appears|shows up)$"
)
_ADVERBS = frozenset(
    """
the a just right directly immediately located placed situated standing sitting lying resting hanging positioned
put left found kept stood seated parked leaning leaned set up down out over currently now most very somewhere
all quite bit little slightly there exactly straight to be one ones not somewhat really fairly rather laid hung
mounted arranged dropped balanced perched stacked forgotten waiting actually being ,
""".split()
)


@dataclass(frozen=True)
class Connective:
    """A relation's words in a sentence: what stands before and after them.

    words: without link and adverbs. excluded: "not" is said. stated: a finite verb without "that" stands before
    ("the dog lies on"), which makes a question of "which chair" and a statement of all else.
    """

    relation: Relation
    before: str
    after: str
    words: str
    ordinal: int | None = None
    excluded: bool = False
    stated: bool = False


def connectives(text: str, asked: str) -> Iterator[Connective]:
    """Everything that may be a relation's words in ``text``, the first and longest first.

    ``asked`` is the sentence with its request, which may let "from" mean "on" ("take the cup from the table").
    """
    off: list[tuple[Relation, re.Pattern[str]]] = [("on", _OFF)] if _TAKING.match(asked) else []
    found = [
        (match.start(), -match.end(), relation)
        for relation, pattern in [*_COMPILED, *off]
        for match in pattern.finditer(text)
    ]
    for start, end, relation in sorted(found):
        yield _connective(relation, text[:start].split(), text[start:-end], text[-end:].strip())


def _connective(relation: Relation, before: list[str], words: str, after: str) -> Connective:
    first = words.split()[0]
    ordinal = ORDINALS.get(first) if relation == "nearest" else None
    excluded = stated = False
    while before and before[-1] in _ADVERBS:
        excluded |= before.pop() == "not"
    if relation in ("nearest", "farthest") and ordinal is None and before and before[-1] in ORDINALS:
        ordinal = ORDINALS[before.pop()]
        while before and before[-1] in _ADVERBS:
            before.pop()
    said = _PUT.search(" ".join(before))
    if said:
        before = " ".join(before)[: said.start()].split()
    elif before and before[-1] in _RELATIVE and len(before) > 1:
        before.pop()
    elif len(before) > 1 and before[-1] in _FINITE and before[-2] != "to":
        before.pop()
        stated = before[-1] not in _RELATIVE
        if not stated:
            before.pop()
    return Connective(relation, " ".join(before).rstrip(" ,"), after, words, ordinal, excluded, stated)
