"""The instructions of Rooms: banks of phrases written by hand, and the choice of them for a room.

The files are described in ``docs/phrases.md``. The training and validation banks were written
apart from each other, so that a score on the validation bank speaks of unseen phrasings.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mllm_for3d_ros.errors import VocabularyError
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES, class_index
from mllm_for3d_ros.types import Status

KINDS = ("explicit", "implicit", "attribute", "relational", "absent")
CONTEXT_FREE_KINDS = ("explicit", "implicit")
"""Kinds whose truth in a room follows from the classes it holds, whatever their colours and places."""

Split = Literal["train", "validation"]
_FILES: dict[str, Path] = {
    "train": Path(__file__).with_name("data") / "phrases_train.json",
    "validation": Path(__file__).with_name("data") / "phrases_val.json",
}
_FIELDS = {"class", "text", "kind"}


@dataclass(frozen=True)
class Phrase:
    """One instruction of a bank and the class it asks for (None: a thing outside the vocabulary)."""

    class_name: str | None
    text: str
    kind: str


@dataclass(frozen=True)
class RoomInstruction:
    """One instruction for one room, with the answer it should get.

    class_name: the class asked for, None for a thing outside the vocabulary. status: ``OK`` where
    the room shows that class, else ``NO_TARGET``. kind: the kind of the phrase, one of ``KINDS``.
    """

    text: str
    class_name: str | None
    status: Status
    kind: str


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
    if not isinstance(row, dict) or set(row) != _FIELDS:
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
    return Phrase(name, text.strip(), kind)


def _refuse_repeats(phrases: Sequence[Phrase], path: Path) -> None:
    """Raise VocabularyError if two phrases are equal but for case."""
    first: dict[str, int] = {}
    for number, phrase in enumerate(phrases, start=1):
        earlier = first.setdefault(phrase.text.casefold(), number)
        if earlier != number:
            raise VocabularyError(f"{path} entry {number} repeats entry {earlier} ({phrase.text!r}); remove one")


@cache
def bank(split: Split) -> tuple[Phrase, ...]:
    """All phrases of the shipped bank ``split``, read once.

    Raises:
        VocabularyError: there is no such bank, or its file is damaged.
    """
    if split not in _FILES:
        raise VocabularyError(f"unknown phrase bank {split!r}; choose one of: {', '.join(_FILES)}")
    return load_phrases(_FILES[split])


@cache
def _by_class(split: Split, kinds: tuple[str, ...]) -> Mapping[str | None, tuple[Phrase, ...]]:
    """Phrases of ``split`` grouped by class: those of ``kinds``, and under None the absent ones."""
    groups: dict[str | None, list[Phrase]] = defaultdict(list)
    for phrase in bank(split):
        if phrase.class_name is None or phrase.kind in kinds:
            groups[phrase.class_name].append(phrase)
    return {name: tuple(group) for name, group in groups.items()}


def room_instructions(
    present: Collection[str],
    seen: Collection[str],
    split: Split,
    rng: np.random.Generator,
    *,
    per_class: int = 1,
    absent: int = 3,
    outside_share: float = 0.3,
    kinds: Sequence[str] = CONTEXT_FREE_KINDS,
) -> list[RoomInstruction]:
    """Draw the instructions of one room: first those with a target, then those without.

    A class that the room holds but no view showed is not asked for: neither answer would be fair.

    Args:
        present: classes that the room holds.
        seen: those of them that the recording shows well enough to be found.
        split: bank to draw from.
        rng: source of all choices; equal arguments and state give equal instructions.
        per_class: phrases for each seen class (fewer if the bank has fewer).
        absent: instructions without a target.
        outside_share: 0..1, chance that one of those asks for a thing outside the vocabulary rather
            than for a class that the room lacks.
        kinds: kinds of phrase that may ask for a class.

    Raises:
        VocabularyError: a name is no class, a kind is unknown, or ``seen`` is not part of ``present``.
        ValueError: a count is negative or ``outside_share`` lies outside 0..1.
    """
    _check_request(present, seen, per_class, absent, outside_share, kinds)
    groups = _by_class(split, tuple(kinds))
    asked = []
    for name in sorted(set(seen), key=class_index):
        choice = groups.get(name, ())
        for index in rng.permutation(len(choice))[:per_class]:
            asked.append(RoomInstruction(choice[index].text, name, Status.OK, choice[index].kind))
    lacking = [name for name in CLASS_NAMES if name not in present and name in groups]
    return asked + _without_target(lacking, groups, rng, absent, outside_share)


def _check_request(
    present: Collection[str],
    seen: Collection[str],
    per_class: int,
    absent: int,
    outside_share: float,
    kinds: Sequence[str],
) -> None:
    """Refuse arguments of ``room_instructions`` that make no sense."""
    for name in (*present, *seen):
        class_index(name)
    stray = sorted(set(seen) - set(present))
    if stray:
        raise VocabularyError(f"{', '.join(stray)} cannot be seen in a room without it; add it to the present classes")
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise VocabularyError(f"unknown kind {unknown[0]!r}; choose from: {', '.join(KINDS)}")
    if per_class < 0 or absent < 0 or not 0.0 <= outside_share <= 1.0:
        raise ValueError("per_class and absent must not be negative and outside_share must lie in 0..1")


def _without_target(
    lacking: Sequence[str],
    groups: Mapping[str | None, tuple[Phrase, ...]],
    rng: np.random.Generator,
    count: int,
    outside_share: float,
) -> list[RoomInstruction]:
    """Draw up to ``count`` different instructions whose target the room lacks."""
    pools = {name: list(groups[name]) for name in lacking}
    outside = list(groups.get(None, ()))
    drawn: list[RoomInstruction] = []
    while len(drawn) < count and (outside or pools):
        if outside and (not pools or rng.random() < outside_share):
            phrase = outside.pop(int(rng.integers(len(outside))))
        else:
            name = list(pools)[int(rng.integers(len(pools)))]
            phrase = pools[name].pop(int(rng.integers(len(pools[name]))))
            if not pools[name]:
                del pools[name]
        drawn.append(RoomInstruction(phrase.text, phrase.class_name, Status.NO_TARGET, phrase.kind))
    return drawn
