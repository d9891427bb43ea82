"""Training phrases composed of nouns and wordings: things outside the vocabulary in the words that ask for classes.

Classes and things outside are put into the same wordings, so that a text head learns which things are outside and
not which sentences are unusual. Needs that nothing of the vocabulary serves are written by hand.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from mllm_for3d_ros.errors import VocabularyError
from mllm_for3d_ros.rooms.instructions import Bank, Phrase, bank
from mllm_for3d_ros.rooms.nouns import nouns

_DATA = Path(__file__).with_name("data")
_WORDINGS_PER_OUTSIDE = 2
_WORDINGS_PER_CLASS_NOUN = 20


@dataclass(frozen=True)
class OutsideThings:
    """nouns: names of things that are no class. needs: sentences that ask for such things without naming them."""

    nouns: tuple[str, ...]
    needs: tuple[str, ...]


@cache
def outside_things(path: Path = _DATA / "outside.json") -> OutsideThings:
    """The things outside the vocabulary that ``path`` lists.

    Raises:
        VocabularyError: the file is missing or damaged.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        names = tuple(noun for group in stored["nouns"].values() for noun in group)
        return OutsideThings(names, tuple(stored["needs"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as cause:
        raise VocabularyError(f"{path} cannot be read ({cause}); restore it from the repository") from cause


@cache
def wordings(path: Path = _DATA / "wordings.json") -> tuple[str, ...]:
    """Sentences with a slot {thing}, and some with a slot {other} for a thing that is not meant.

    Raises:
        VocabularyError: the file is missing or damaged, or a sentence has no {thing}.
    """
    try:
        found = tuple(str(text) for text in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as cause:
        raise VocabularyError(f"{path} cannot be read ({cause}); restore it from the repository") from cause
    without = [text for text in found if "{thing}" not in text]
    if without or not found:
        raise VocabularyError(f"wordings in {path} need the slot {{thing}}, {without[:1]} lacks it; mend the file")
    return found


@cache
def composed_phrases(seed: int = 0) -> tuple[Phrase, ...]:
    """Phrases for things outside, alone and worded, for their needs, and for the classes in the same wordings.

    None is a phrase of a bank: those that validate are not trained on.
    """
    rng = np.random.default_rng(seed)
    outside = outside_things()
    of_classes = [(noun, name) for name, known in nouns("train").items() for noun in known]
    others = [*outside.nouns, *(noun for noun, _ in of_classes)]
    texts: dict[str, Phrase] = {}
    for text in (*outside.needs, *outside.nouns):
        texts.setdefault(text.casefold(), Phrase(None, text, "absent"))
    for noun in outside.nouns:
        for text in _worded(noun, others, _WORDINGS_PER_OUTSIDE, rng):
            texts.setdefault(text.casefold(), Phrase(None, text, "absent"))
    for noun, name in of_classes:
        for text in _worded(noun, others, _WORDINGS_PER_CLASS_NOUN, rng):
            texts.setdefault(text.casefold(), Phrase(name, text, "explicit"))
    splits: tuple[Bank, ...] = ("train", "judge", "validation")
    known = {phrase.text.casefold() for split in splits for phrase in bank(split)}
    return tuple(phrase for text, phrase in texts.items() if text not in known)


def _worded(noun: str, others: list[str], count: int, rng: np.random.Generator) -> list[str]:
    """``noun`` in ``count`` wordings drawn without repeats."""
    known = wordings()
    drawn = [known[i] for i in rng.choice(len(known), count, replace=False)]
    filled = [text.format(thing=noun, other=others[int(rng.integers(len(others)))]) for text in drawn]
    return [re.sub(r"\ba (?=[aeio])", "an ", text) for text in filled]
