"""Colours by name, in light and shade."""

import numpy as np
import pytest

from mllm_for3d_ros.answering.colors import color_memberships, white_of
from mllm_for3d_ros.language.color_words import COLOR_NAMES

PLAIN = {
    "red": (190, 30, 35), "green": (40, 140, 60), "blue": (40, 70, 180), "yellow": (225, 195, 40),
    "black": (25, 25, 27),
    "white": (238, 238, 236), "grey": (128, 128, 130), "brown": (100, 65, 35), "orange": (225, 120, 25),
    "purple": (110, 50, 140), "pink": (235, 150, 180), "beige": (212, 190, 155),
}  # fmt: skip
WHITE = white_of(np.full((100, 3), 245, np.uint8))


def test_every_name_of_the_language_is_known() -> None:
    assert set(PLAIN) == set(COLOR_NAMES) == set(color_memberships(np.full((9, 3), 99, np.uint8), WHITE))


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_colour_has_its_name(name: str) -> None:
    fits = color_memberships(np.tile(np.array(PLAIN[name], np.uint8), (50, 1)), WHITE)
    assert max(fits, key=lambda one: fits[one]) == name and fits[name] >= 0.5


@pytest.mark.parametrize("name", ["red", "green", "blue", "yellow", "purple"])
def test_shade_on_a_part_keeps_the_name(name: str) -> None:
    rng = np.random.default_rng(3)
    light = (np.array(PLAIN[name]) / 255.0) ** 2.2
    shading = np.where(rng.random(400) < 0.6, rng.uniform(0.15, 0.5, 400), rng.uniform(0.8, 1.0, 400))
    colors = np.clip((light * shading[:, None]) ** (1 / 2.2) * 255 + rng.normal(0, 3, (400, 3)), 0, 255).astype(
        np.uint8
    )
    assert color_memberships(colors, WHITE)[name] >= 0.5


def test_a_dim_room_has_white_things_too() -> None:
    room = np.concatenate([np.full((500, 3), 150, np.uint8), np.full((500, 3), 60, np.uint8)])
    assert color_memberships(np.full((40, 3), 148, np.uint8), white_of(room))["white"] >= 0.5


def test_an_empty_map_has_a_white() -> None:
    assert np.array_equal(white_of(np.zeros((0, 3), np.uint8)), np.ones(3))
