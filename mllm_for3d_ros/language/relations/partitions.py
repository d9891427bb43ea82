"""Sentences that name the kind of thing first: "of the chairs, the one nearest the window"."""

from __future__ import annotations

import re

from mllm_for3d_ros.language.color_words import COLOR_PATTERN
from mllm_for3d_ros.language.relations.noun_phrase import parse_head, singular
from mllm_for3d_ros.language.relations.wording import without_action, without_request

_ALL_OF = r"(?:the|these|those|my|our|all|all the|all of the|both|your)"
_PARTITION = re.compile(
    rf"^(?:(?:of|among|amongst|out of|from among|from|between|considering|given|regarding) {_ALL_OF} (?P<a>[^,]+?)"
    rf"|(?:there are|i see|i can see|we have|you see|i have) (?:several|two|three|four|many|some|a few"
    rf"|all these|these) (?P<b>[^,]+?)"
    rf"|(?:{_ALL_OF}|several|two|three) (?P<c>[^,]+?)) ,(?: but| and| so)? (?P<rest>.+)$"
    rf"|^(?:of|among|amongst|out of) {_ALL_OF} (?P<d>[^,]+?) (?P<end>(?:(?:the|which|find|take|pick|choose) )+one\b.+)$"
)  # fmt: skip
_CHOOSES = re.compile(
    r"\b(?:ones?|which|that|nearest|closest|farthest|furthest|largest|smallest|tallest|biggest)\b"
    rf"|^the {COLOR_PATTERN}$"
)


def take_partition(text: str) -> tuple[str | None, str]:
    """As in "of the chairs , the nearest": the kind ("chair"), and what chooses."""
    match = _PARTITION.match(text)
    if match:
        head = parse_head(f"the {match['a'] or match['b'] or match['c'] or match['d']}")
        rest = without_action(without_request(match["rest"] or match["end"]))
        if head and head.noun and head.plural and not head.chooses and _CHOOSES.search(rest):
            return singular(head.noun), rest
    return None, text
