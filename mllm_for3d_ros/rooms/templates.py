"""Attribute and relational instructions of a room: templates filled with what the room really holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from mllm_for3d_ros.errors import VocabularyError
from mllm_for3d_ros.rooms.instructions import RoomInstruction, Split
from mllm_for3d_ros.rooms.nouns import nouns, plural
from mllm_for3d_ros.rooms.relations import Things, select
from mllm_for3d_ros.rooms.rules import COLORS, RULES, Rule, kind_of, slots_of
from mllm_for3d_ros.rooms.seen_things import SeenThings
from mllm_for3d_ros.types import Status

_FILES = {"train": "templates_train.json", "validation": "templates_val.json"}
_SUPPORTS = ("table", "dresser", "bed", "sofa", "chair", "wardrobe", "refrigerator", "washing_machine", "stove")
_PORTABLE = ("cup", "bottle", "laptop", "backpack", "cushion", "box", "microwave")
_LANDMARKS = ("door", "window", "bed", "sofa", "television", "refrigerator", "wardrobe", "bathtub", "stove", "table")
_PALETTE = ("red", "blue", "green", "yellow", "orange", "purple", "black", "white")


@dataclass(frozen=True)
class Template:
    """One way to put a rule into words; kind is "attribute" or "relational"."""

    kind: str
    rule: str
    text: str

    @property
    def is_plural(self) -> bool:
        """Whether it asks for several things ("all the red chairs", "every chair that is red")."""
        return bool(re.match(r"(all|any|whatever) |(every|each|mark each)\b|the (\{color\} )?\{things\}", self.text))


@cache
def templates(split: Split) -> tuple[Template, ...]:
    """The templates of ``split``.

    Raises:
        VocabularyError: the file is missing or damaged, or a template lacks a slot of its rule.
    """
    path = Path(__file__).with_name("data") / _FILES[split]
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        found = tuple(Template(row["kind"], row["rule"], row["text"]) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise VocabularyError(f"templates {path} cannot be read ({cause}); restore them from the repository") from cause
    for one in found:
        slots = set(re.findall(r"\{(\w+)\}", one.text)) - {"thing", "things"}
        if one.rule not in RULES or one.kind != kind_of(one.rule) or slots != slots_of(one.rule):
            raise VocabularyError(f"template {one.text!r} in {path} does not fit its rule {one.rule!r}; mend it")
    return found


def templated_instructions(seen: SeenThings, split: Split, rng: np.random.Generator) -> list[RoomInstruction]:
    """Every attribute and relational instruction whose truth in the room is beyond doubt, worded at random.

    Targets are chosen so that the attribute or relation matters: there are other instances of the class.
    Instructions that clearly fit nothing ("the red chair" where no chair is red) have kind "absent".
    The order is random, with the rules taking turns.
    """
    by_rule: dict[str, list[RoomInstruction]] = {}
    for rule, class_name in _candidates(seen):
        picked = select(rule, class_name, seen)
        if picked is not None:
            instruction = _worded(rule, class_name, picked, seen, split, rng)
            if instruction is not None:
                by_rule.setdefault(f"{rule.name} {bool(picked)}", []).append(instruction)
    queues = [[group[i] for i in rng.permutation(len(group))] for _, group in sorted(by_rule.items())]
    queues = [queues[i] for i in rng.permutation(len(queues))]
    ordered = []
    while any(queues):
        ordered += [queue.pop() for queue in queues if queue]
    return ordered


def _candidates(seen: SeenThings) -> Iterator[tuple[Rule, str]]:
    """Rules and classes worth trying in a room."""
    marks = [name for name in _LANDMARKS if seen.noticed(name)]
    for name in seen.classes:
        several = sum(seen.is_well_seen(thing) for thing in seen.noticed(name)) >= 2
        yield from ((Rule("color", color=color), name) for color in (COLORS if several else _PALETTE))
        if name in _PORTABLE:
            yield from ((Rule("on", anchor=anchor), name) for anchor in _SUPPORTS if anchor != name)
        if several:
            yield from ((Rule(rule), name) for rule in ("largest", "smallest", "tallest"))
            for anchor in marks:
                yield from ((Rule(rule, anchor=anchor), name) for rule in ("nearest", "farthest"))
                for viewpoint in marks:
                    if len({name, anchor, viewpoint}) == 3:
                        yield Rule("left_of", anchor=anchor, viewpoint=viewpoint), name
                        yield Rule("right_of", anchor=anchor, viewpoint=viewpoint), name


def _worded(
    rule: Rule, class_name: str, picked: Things, seen: SeenThings, split: Split, rng: np.random.Generator
) -> RoomInstruction | None:
    """``rule`` in the words of a template, or None where the room makes the instruction pointless."""
    everyone = seen.noticed(class_name)
    if not picked and rule.name not in ("color", "on"):
        return None
    if picked and len(picked) == len(everyone) and not (rule.name == "on" and len(picked) == 1):
        return None
    if picked and rule.name == "color" and len(everyone) < 2:
        return None
    fitting = [t for t in templates(split) if t.rule == rule.name and t.is_plural == (len(picked) > 1)]
    if not fitting:
        return None
    template = fitting[int(rng.integers(len(fitting)))]
    words = {key: _noun(value, split, rng) for key, value in (("anchor", rule.anchor), ("viewpoint", rule.viewpoint))}
    thing = _noun(class_name, split, rng)
    text = template.text.format(thing=thing, things=plural(thing), color=rule.color, **words)
    text = re.sub(r"\ba (?=[aeio])", "an ", text)
    status = Status.OK if picked else Status.NO_TARGET
    ids = tuple(one.instance_id for one in picked)
    return RoomInstruction(text, class_name, status, template.kind if picked else "absent", ids)


def _noun(class_name: str | None, split: Split, rng: np.random.Generator) -> str:
    if class_name is None:
        return ""
    choice = nouns(split)[class_name]
    return choice[int(rng.integers(len(choice)))]
