"""Phrase banks: what the shipped ones promise and what a damaged file is told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mllm_for3d_ros.errors import VocabularyError
from mllm_for3d_ros.rooms.instructions import Phrase, bank, load_phrases
from mllm_for3d_ros.rooms.rules import Rule
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES

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


def test_the_judge_asks_what_neither_training_nor_validation_say() -> None:
    elsewhere = {phrase.text.casefold() for split in ("train", "validation") for phrase in bank(split)}
    assert [phrase.text for phrase in bank("judge") if phrase.text.casefold() in elsewhere] == []


def test_validation_bank_asks_for_every_class_and_for_absent_things() -> None:
    assert {phrase.class_name for phrase in bank("validation")} == {*CLASS_NAMES, None}


def test_unknown_bank_is_refused() -> None:
    with pytest.raises(VocabularyError, match="train, judge, validation"):
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


RELATIONAL = {"class": "cup", "text": "the cup there", "kind": "relational", "rule": "on", "anchor": "table"}


def test_a_rule_is_read_from_its_fields(tmp_path: Path) -> None:
    (phrase,) = load_phrases(written(tmp_path, [RELATIONAL]))
    assert phrase.rule == Rule("on", anchor="table")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rule": "under"}, "entry 1 has rule 'under'; for kind 'relational' give nearest"),
        ({"rule": "color"}, "entry 1 has rule 'color'"),
        ({"rule": "left_of"}, "needs anchor, viewpoint"),
        ({"color": "red"}, "needs anchor"),
        ({"anchor": "desk"}, "unknown anchor 'desk'"),
        ({"kind": "explicit"}, "give none of these fields"),
        ({"kind": "attribute", "rule": "color", "color": "mauve"}, "needs color"),
    ],
)
def test_a_bad_rule_is_named(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(VocabularyError, match=told):
        load_phrases(written(tmp_path, [{**RELATIONAL, **change}]))
