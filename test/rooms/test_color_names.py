"""Colours get the name that everybody would give them, or none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.rooms.color_names import coloring, lightness_chroma_hue, possible_names
from mllm_for3d_ros.rooms.furniture_base import Furniture
from mllm_for3d_ros.rooms.mesh import Material, box
from mllm_for3d_ros.rooms.rules import COLORS


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0.75, 0.1, 0.1), "red"),
        ((0.1, 0.2, 0.7), "blue"),
        ((0.1, 0.5, 0.15), "green"),
        ((0.95, 0.85, 0.1), "yellow"),
        ((0.45, 0.28, 0.16), "brown"),
        ((0.05, 0.05, 0.05), "black"),
        ((0.97, 0.97, 0.96), "white"),
        ((0.5, 0.5, 0.5), "grey"),
        ((0.45, 0.15, 0.55), "purple"),
        ((0.95, 0.5, 0.1), "orange"),
    ],
)
def test_typical_colors_have_one_name(rgb, name):
    assert possible_names(rgb) == {name}


@pytest.mark.parametrize(("rgb", "names"), [((0.1, 0.45, 0.45), {"blue", "green"}), ((0.14, 0.14, 0.2), {"black"})])
def test_between_two_names_both_are_possible(rgb, names):
    assert names <= possible_names(rgb) and len(possible_names(rgb)) > 1


@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_every_color_is_described(rgb):
    lightness, chroma, hue = lightness_chroma_hue(rgb)
    assert -1e-6 <= lightness <= 100.01 and chroma >= 0 and 0 <= hue <= 360
    assert possible_names(rgb) <= set(COLORS)


def test_a_two_coloured_thing_has_no_sure_name_and_both_possible():
    red, blue = Material((0.75, 0.1, 0.1)), Material((0.1, 0.2, 0.7))
    halves = (box((1, 1, 1), red), box((1, 1, 1.2), blue, (2, 0, 0)))
    look = coloring(Furniture("chair", halves, (3, 1, 1.2), "floor", False))
    assert {"red", "blue"} <= look.possible
    plain = coloring(Furniture("chair", halves[:1], (1, 1, 1), "floor", False))
    assert plain.name == "red" and np.all([name in COLORS for name in plain.possible])
