"""Words for colours, and words that only look like it."""

import pytest

from mllm_for3d_ros.language.color_words import COLOR_NAMES, COLOR_OF_WORD, is_color


def test_every_name_stands_for_itself() -> None:
    assert all(COLOR_OF_WORD[name] == name for name in COLOR_NAMES)
    assert set(COLOR_OF_WORD.values()) == set(COLOR_NAMES)


@pytest.mark.parametrize(
    ("word", "following", "expected"),
    [
        ("red", "chair", True),
        ("red", "wine", False),
        ("gray", "box", True),
        ("orange", "juice", False),
        ("big", "box", False),
    ],
)
def test_a_colour_depends_on_what_follows(word: str, following: str, expected: bool) -> None:
    assert is_color(word, following) is expected
