"""The rule behind a foreign attribute or relational phrase, read from its words where they are plain."""

from __future__ import annotations

import re

from mllm_for3d_ros.rooms.nouns import class_of_noun
from mllm_for3d_ros.rooms.rules import COLORS, Rule

_COLOR_WORDS = {name: name for name in COLORS} | {"gray": "grey", "violet": "purple"}
_SIZES = {
    "largest": r"largest|biggest",
    "smallest": r"smallest|tiniest|littlest",
    "tallest": r"tallest|highest",
}
_PLACES = {
    "nearest": r"(?:nearest|closest)(?: to| by)?",
    "farthest": r"(?:farthest|furthest)(?: away)?(?: from)?",
    "on": r"on(?: top of)?",
    "left_of": r"(?:to the |on the )?left (?:side )?of",
    "right_of": r"(?:to the |on the )?right (?:side )?of",
}


def rule_of(text: str, kind: str) -> Rule | None:
    """The rule that ``text`` states, or None where it states none or more than one plainly."""
    words = text.casefold()
    return _attribute(words) if kind == "attribute" else _relation(words)


def _attribute(words: str) -> Rule | None:
    colors = {_COLOR_WORDS[word] for word in re.findall(r"[a-z]+", words) if word in _COLOR_WORDS}
    sizes = [name for name, pattern in _SIZES.items() if re.search(rf"\b(?:{pattern})\b", words)]
    if len(colors) + len(sizes) != 1:
        return None
    return Rule("color", color=colors.pop()) if colors else Rule(sizes[0])


def _relation(words: str) -> Rule | None:
    found = []
    for name, pattern in _PLACES.items():
        anchor = _noun_after(words, pattern)
        if anchor is not None:
            found.append(Rule(name, anchor=anchor))
    if len(found) != 1:
        return None
    if found[0].name in ("left_of", "right_of"):
        viewpoint = _noun_after(words, r"from")
        return None if viewpoint is None else Rule(found[0].name, anchor=found[0].anchor, viewpoint=viewpoint)
    return found[0]


def _noun_after(words: str, pattern: str) -> str | None:
    """The class whose noun follows ``pattern`` and an article; None if there is none."""
    choice = "|".join(re.escape(noun) for noun in class_of_noun())
    match = re.search(rf"\b(?:{pattern}) (?:the |a |an )?({choice})\b", words)
    return class_of_noun()[match.group(1)] if match else None
