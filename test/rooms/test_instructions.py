"""Phrase banks: what the shipped ones promise, what a damaged file is told, what a room is asked."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.errors import VocabularyError
from mllm_for3d_ros.rooms.instructions import Phrase, bank, load_phrases, room_instructions
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.types import Status

GOOD = {"class": "sofa", "text": "somewhere to lounge", "kind": "implicit"}


def written(folder: Path, rows: Any) -> Path:
    """A phrase file holding ``rows``."""
    path = folder / "phrases.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def test_training_bank_covers_every_class_in_breadth() -> None:
    counts = Counter((phrase.class_name, phrase.kind) for phrase in bank("train"))
    for name in CLASS_NAMES:
        assert counts[name, "explicit"] >= 25, name
        assert counts[name, "implicit"] >= 60, name
    assert counts[None, "absent"] >= 250


def test_no_held_out_phrase_is_trained_on() -> None:
    train = {phrase.text.casefold() for phrase in bank("train")}
    assert [phrase.text for phrase in bank("validation") if phrase.text.casefold() in train] == []


def test_validation_bank_asks_for_every_class_and_for_absent_things() -> None:
    assert {phrase.class_name for phrase in bank("validation")} == {*CLASS_NAMES, None}


def test_unknown_bank_is_refused() -> None:
    with pytest.raises(VocabularyError, match="train, validation"):
        bank("test")


def test_file_is_read_in_order(tmp_path: Path) -> None:
    path = written(tmp_path, [GOOD, {"class": None, "text": " a car ", "kind": "absent"}])
    assert load_phrases(path) == (Phrase("sofa", "somewhere to lounge", "implicit"), Phrase(None, "a car", "absent"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"class": "sofas"}, "entry 2 has unknown class 'sofas'; choose one of: sofa, chair"),
        ({"class": 3}, "entry 2 has unknown class 3"),
        ({"kind": "riddle"}, "entry 2 has unknown kind 'riddle'; choose one of: explicit, implicit"),
        ({"class": None}, "entry 2 .* null for kind absent only"),
        ({"kind": "absent"}, "entry 2 .* null for kind absent only"),
        ({"text": "  "}, "entry 2 has no text"),
        ({"text": 7}, "entry 2 has no text"),
        ({"note": "?"}, "entry 2 must be an object with exactly the fields"),
        ({"text": "Somewhere to LOUNGE"}, "entry 2 repeats entry 1"),
    ],
)
def test_bad_entry_is_named(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    path = written(tmp_path, [GOOD, {**GOOD, "text": "a lounging place", **change}])
    with pytest.raises(VocabularyError, match=told):
        load_phrases(path)


@pytest.mark.parametrize("rows", [{}, [], "sofa", [["sofa", "couch", "explicit"]]])
def test_file_that_is_no_list_of_objects_is_refused(tmp_path: Path, rows: Any) -> None:
    with pytest.raises(VocabularyError, match="object"):
        load_phrases(written(tmp_path, rows))


def test_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match="cannot be read"):
        load_phrases(tmp_path / "none.json")
    broken = tmp_path / "broken.json"
    broken.write_text("[{", encoding="utf-8")
    with pytest.raises(VocabularyError, match="cannot be read"):
        load_phrases(broken)


@given(
    present=st.sets(st.sampled_from(CLASS_NAMES)),
    hidden=st.sets(st.sampled_from(CLASS_NAMES)),
    absent=st.integers(0, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_answers_follow_from_the_room(present: set[str], hidden: set[str], absent: int, seed: int) -> None:
    seen = present - hidden
    asked = room_instructions(present, seen, "train", np.random.default_rng(seed), per_class=2, absent=absent)
    targets = [one for one in asked if one.status is Status.OK]
    rest = [one for one in asked if one.status is Status.NO_TARGET]
    assert Counter(one.class_name for one in targets) == dict.fromkeys(seen, 2)
    assert len(rest) == absent and len(targets) + len(rest) == len(asked)
    assert all(one.class_name not in present for one in rest)
    assert len({one.text for one in asked}) == len(asked)
    source = {(phrase.text, phrase.class_name, phrase.kind) for phrase in bank("train")}
    assert all((one.text, one.class_name, one.kind) in source for one in asked)


def test_choice_depends_on_the_seed_and_not_on_the_order_of_names() -> None:
    names = ["sofa", "lamp", "rug"]

    def drawn(order: list[str], seed: int) -> list[str]:
        return [one.text for one in room_instructions(order, order, "train", np.random.default_rng(seed))]

    assert drawn(names, 1) == drawn(names[::-1], 1)
    assert drawn(names, 1) != drawn(names, 2)


def test_share_of_things_outside_the_vocabulary_is_kept() -> None:
    def outside(share: float) -> int:
        rng = np.random.default_rng(0)
        asked = room_instructions(["bed"], [], "train", rng, absent=200, outside_share=share)
        return sum(one.class_name is None for one in asked)

    assert outside(0.0) == 0
    assert outside(1.0) == 200
    assert 70 <= outside(0.5) <= 130


def test_kinds_can_be_restricted() -> None:
    rng = np.random.default_rng(0)
    asked = room_instructions(["bed"], ["bed"], "train", rng, per_class=10, absent=20, kinds=("explicit",))
    assert {one.kind for one in asked} == {"explicit", "absent"}


def test_senseless_requests_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(VocabularyError, match="unknown class 'car'"):
        room_instructions(["car"], [], "train", rng)
    with pytest.raises(VocabularyError, match="lamp cannot be seen"):
        room_instructions(["bed"], ["lamp"], "train", rng)
    with pytest.raises(VocabularyError, match="unknown kind 'riddle'"):
        room_instructions([], [], "train", rng, kinds=("riddle",))
    with pytest.raises(ValueError, match="outside_share"):
        room_instructions([], [], "train", rng, outside_share=1.5)
