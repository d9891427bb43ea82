"""Sentences in many wordings say the same query; plain intents say none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from query_support import brief

from mllm_for3d_ros.language.relations.parser import parse_query
from mllm_for3d_ros.language.relations.query import VIEWER, Query
from mllm_for3d_ros.rooms.instructions import bank

DATA = Path(__file__).parents[2] / "data"
SENTENCES = [
    line.split("\t") for line in (DATA / "relation_sentences.tsv").read_text(encoding="utf-8").splitlines() if line
]
INTENTS = (DATA / "plain_intents.txt").read_text(encoding="utf-8").splitlines()
RELATION_WORDS = re.compile(
    r"\b(?:on|off|upon|under|beneath|below|above|over|next|beside|by|at|near|nearest|closest|around|between|behind|front"
    r"|from|along)\b"
)


def test_the_table_is_large() -> None:
    assert len(SENTENCES) >= 150 and len({text for text, _ in SENTENCES}) == len(SENTENCES)


@pytest.mark.parametrize(("text", "expected"), SENTENCES)
def test_a_sentence_says_its_query(text: str, expected: str) -> None:
    query = parse_query(text)
    assert query is not None and brief(query) == expected


@pytest.mark.parametrize("text", INTENTS)
def test_a_plain_intent_says_no_query(text: str) -> None:
    assert parse_query(text) is None


def test_phrases_without_a_relation_word_say_no_relation() -> None:
    plain = [phrase.text for phrase in bank("train") if not RELATION_WORDS.search(phrase.text.casefold())]
    related = [text for text in plain if (query := parse_query(text)) is not None and query.relation is not None]
    assert len(plain) > 2000 and not related


def test_few_phrases_of_the_bank_say_a_relation() -> None:
    phrases = bank("train")
    related = [p.text for p in phrases if (query := parse_query(p.text)) is not None and query.relation]
    assert len(related) <= 0.015 * len(phrases)  # those that do: "the fan on the table"


def test_only_two_uncertain_things_are_loose() -> None:
    loose = {
        text: getattr(parse_query(text), "loose", None)
        for text in ("a shade on a pole", "a cup on the table", "the cup on a table", "pegs on a pole")
    }
    assert loose == {
        "a shade on a pole": True, "a cup on the table": False, "the cup on a table": False, "pegs on a pole": True,
    }  # fmt: skip


def test_case_punctuation_and_politeness_change_nothing() -> None:
    plain = parse_query("the chair nearest the window")
    for text in (
        "The CHAIR nearest the window!",
        "  the chair,  nearest the window ?",
        "Please: the chair nearest the window.",
    ):
        assert parse_query(text) == plain


@given(st.text(max_size=200))
def test_any_text_is_taken(text: str) -> None:
    query = parse_query(text)
    assert query is None or (query.target and (query.relation or query.size or query.color))


@given(
    st.lists(st.sampled_from("the a chair red on next to left of from window nearest , and it that is one two".split()))
)
def test_any_order_of_its_own_words_is_taken(words: list[str]) -> None:
    query = parse_query(" ".join(words))
    assert query is None or query.target != VIEWER


def test_a_query_checks_its_anchors() -> None:
    with pytest.raises(ValueError, match="needs 1 anchors"):
        Query("chair", "nearest")
    with pytest.raises(ValueError, match="unknown relation"):
        Query("chair", "inside")  # type: ignore[arg-type]
