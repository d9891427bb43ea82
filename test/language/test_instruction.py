"""What counts as an instruction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.errors import InstructionError
from mllm_for3d_ros.language.instruction import MAX_CHARACTERS, clean_instruction


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [("the sofa", "the sofa"), ("  the\n\tsofa\x00 ", "the sofa"), ("das Fenster über", "das Fenster über")],
)
def test_white_space_and_control_characters_go(text, cleaned):
    assert clean_instruction(text) == cleaned


@pytest.mark.parametrize("text", ["", "   ", "\n\t\x00", "?!…"])
def test_an_empty_instruction_is_refused_with_a_remedy(text):
    with pytest.raises(InstructionError, match="is empty; say what to look for"):
        clean_instruction(text)


def test_a_long_instruction_is_refused_with_its_length():
    with pytest.raises(InstructionError, match=f"10000 characters; shorten it to at most {MAX_CHARACTERS}"):
        clean_instruction("a" * 10_000)


def test_something_else_than_text_is_refused():
    with pytest.raises(InstructionError, match="must be text, got int"):
        clean_instruction(7)


@given(st.text(max_size=300))
def test_cleaning_twice_changes_nothing_more(text):
    try:
        once = clean_instruction(text)
    except InstructionError:
        return
    assert clean_instruction(once) == once
