"""Rules that pick objects out of a class: by a property, or by their place relative to another object."""

from __future__ import annotations

from dataclasses import dataclass

ATTRIBUTE_RULES = ("color", "largest", "smallest", "tallest")
RELATIONAL_RULES = ("nearest", "farthest", "on", "left_of", "right_of")
RULES = ATTRIBUTE_RULES + RELATIONAL_RULES
COLORS = "black grey white beige brown red pink orange yellow green blue purple".split()
_SLOTS: dict[str, frozenset[str]] = {
    "color": frozenset({"color"}),
    "nearest": frozenset({"anchor"}),
    "farthest": frozenset({"anchor"}),
    "on": frozenset({"anchor"}),
    "left_of": frozenset({"anchor", "viewpoint"}),
    "right_of": frozenset({"anchor", "viewpoint"}),
}


def slots_of(rule: str) -> frozenset[str]:
    """What the rule of that name needs, of color, anchor and viewpoint."""
    return _SLOTS.get(rule, frozenset())


def kind_of(rule: str) -> str:
    """The kind of instruction that states the rule of that name: "attribute" or "relational"."""
    return "attribute" if rule in ATTRIBUTE_RULES else "relational"


@dataclass(frozen=True)
class Rule:
    """One of ``RULES`` with what it needs: a colour's name, or classes as anchor and viewpoint."""

    name: str
    color: str | None = None
    anchor: str | None = None
    viewpoint: str | None = None
