"""The instructions of Rooms: banks of phrases written by hand, and the instructions made of them for a room.

The files are described in ``docs/phrases.md``. The training and validation banks were written
apart from each other, so that a score on the validation bank speaks of unseen phrasings.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from mllm_for3d_ros.errors import VocabularyError
from mllm_for3d_ros.rooms.rules import COLORS, RULES, Rule, kind_of, slots_of
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.types import Status

KINDS = ("explicit", "implicit", "attribute", "relational", "absent")
CONTEXT_FREE_KINDS = ("explicit", "implicit")
"""Kinds whose truth in a room follows from the classes it holds, whatever their colours and places."""

Split = Literal["train", "validation"]
Bank = Literal["train", "judge", "validation"]
"""A bank of phrases; that of the judges of presence is neither learnt from nor measured with."""
_FILES: dict[str, Path] = {
    "train": Path(__file__).with_name("data") / "phrases_train.json",
    "judge": Path(__file__).with_name("data") / "phrases_judge.json",
    "validation": Path(__file__).with_name("data") / "phrases_val.json",
}
_FIELDS = {"class", "text", "kind"}
_RULE_FIELDS = {"rule", "color", "anchor", "viewpoint"}


@dataclass(frozen=True)
class Phrase:
    """One instruction of a bank and the class it asks for (None: a thing outside the vocabulary).

    rule: what an attribute or relational phrase says about its target, where the file tells.
    """

    class_name: str | None
    text: str
    kind: str
    rule: Rule | None = None


@dataclass(frozen=True)
class RoomInstruction:
    """One instruction for one room, with the answer it should get.

    class_name: the class asked for, None for a thing outside the vocabulary. status: ``OK`` where
    the room shows the target, else ``NO_TARGET``. kind: one of ``KINDS``; "absent" also for a property
    or relation that no object of a class in the room has. instances: ids of the objects asked for.
    """

    text: str
    class_name: str | None
    status: Status
    kind: str
    instances: tuple[int, ...] = ()


def load_phrases(path: Path) -> tuple[Phrase, ...]:
    """The phrases of the JSON file ``path``, in file order.

    Raises:
        VocabularyError: the file cannot be read, is no list of objects, or an entry (counted from
            1) has a wrong field, kind or class, no text, or a text that came before.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise VocabularyError(f"phrase file {path} cannot be read ({cause}); give a UTF-8 JSON file") from cause
    if not isinstance(rows, list) or not rows:
        raise VocabularyError(f"phrase file {path} holds no phrases; give a JSON list of objects")
    phrases = tuple(_phrase(row, f"{path} entry {number}") for number, row in enumerate(rows, start=1))
    _refuse_repeats(phrases, path)
    return phrases


def _phrase(row: Any, where: str) -> Phrase:
    """Check one entry; ``where`` names it in messages."""
    if not isinstance(row, dict) or not _FIELDS <= set(row) <= _FIELDS | _RULE_FIELDS:
        raise VocabularyError(f"{where} must be an object with exactly the fields class, text and kind")
    name, text, kind = row["class"], row["text"], row["kind"]
    if kind not in KINDS:
        raise VocabularyError(f"{where} has unknown kind {kind!r}; choose one of: {', '.join(KINDS)}")
    if not isinstance(text, str) or not text.strip():
        raise VocabularyError(f"{where} has no text; write the instruction as a non-empty string")
    if (name is None) != (kind == "absent"):
        raise VocabularyError(f"{where} has kind {kind!r} and class {name!r}; class is null for kind absent only")
    if name is not None and name not in CLASS_NAMES:
        raise VocabularyError(f"{where} has unknown class {name!r}; choose one of: {', '.join(CLASS_NAMES)}")
    return Phrase(name, text.strip(), kind, _rule(row, kind, where))


def _rule(row: dict[str, Any], kind: str, where: str) -> Rule | None:
    """The rule that the optional fields of an entry state, None if it has none of them."""
    given = set(row) & _RULE_FIELDS
    if not given:
        return None
    name = row.get("rule")
    if name not in RULES or kind_of(name) != kind:
        choice = ", ".join(rule for rule in RULES if kind_of(rule) == kind) or "none of these fields"
        raise VocabularyError(f"{where} has rule {name!r}; for kind {kind!r} give {choice}")
    if given - {"rule"} != slots_of(name):
        raise VocabularyError(f"{where}: rule {name!r} needs {', '.join(sorted(slots_of(name))) or 'no other field'}")
    if "color" in given and row["color"] not in COLORS:
        raise VocabularyError(f"{where} has unknown color {row['color']!r}; choose one of: {', '.join(COLORS)}")
    for field in given & {"anchor", "viewpoint"}:
        if row[field] not in CLASS_NAMES:
            raise VocabularyError(f"{where} has unknown {field} {row[field]!r}; give the name of a class")
    return Rule(name, row.get("color"), row.get("anchor"), row.get("viewpoint"))


def _refuse_repeats(phrases: Sequence[Phrase], path: Path) -> None:
    """Raise VocabularyError if two phrases are equal but for case."""
    first: dict[str, int] = {}
    for number, phrase in enumerate(phrases, start=1):
        earlier = first.setdefault(phrase.text.casefold(), number)
        if earlier != number:
            raise VocabularyError(f"{path} entry {number} repeats entry {earlier} ({phrase.text!r}); remove one")


@cache
def bank(split: Bank) -> tuple[Phrase, ...]:
    """All phrases of the shipped bank ``split``, read once.

    Raises:
        VocabularyError: there is no such bank, or its file is damaged.
    """
    if split not in _FILES:
        raise VocabularyError(f"unknown phrase bank {split!r}; choose one of: {', '.join(_FILES)}")
    return load_phrases(_FILES[split])
