"""Relations between boxes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from things_support import Box, things

from mllm_for3d_ros.answering import geometry

GREY = (128, 128, 128)
TABLE: Box = ((0.0, 0.0, 0.7), (1.2, 0.8, 0.05), GREY)


@pytest.mark.parametrize(
    ("low", "rests"),
    [((0.5, 0.3, 0.75), True), ((0.5, 0.3, 0.8), True), ((0.5, 0.3, 0.0), False), ((2.0, 0.3, 0.75), False),
     ((0.5, 0.3, 1.2), False)],
)  # fmt: skip
def test_a_cup_rests_on_the_table_that_touches_it(low: tuple[float, float, float], rests: bool) -> None:
    cup, table = things((low, (0.1, 0.1, 0.15), GREY), TABLE)
    assert geometry.rests_on(cup, table) is rests
    assert not geometry.rests_on(table, cup)


def test_under_and_above() -> None:
    box, table, picture = things(
        ((0.3, 0.2, 0.0), (0.4, 0.3, 0.3), GREY), TABLE, ((0.2, 0.9, 1.4), (0.6, 0.05, 0.4), GREY)
    )
    assert geometry.is_under(box, table) and not geometry.is_under(table, box) and not geometry.rests_on(box, table)
    assert geometry.is_above(picture, table) and not geometry.is_above(box, table)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.2, 6.2), st.floats(0.5, 2.0), st.floats(1.0, 3.0))
def test_left_and_right_behind_and_in_front_exclude_each_other(turn: float, offset: float, away: float) -> None:
    """A place ``offset`` left of the anchor stays left however the whole scene is turned."""
    c, s = np.cos(turn), np.sin(turn)
    rotation = np.array([[c, -s], [s, c]])
    here, there = rotation @ [0.0, 0.0], rotation @ [away, 0.0]
    left, behind = rotation @ [away, offset], rotation @ [away + offset, 0.0]
    sight = geometry.Sight(here, there)
    assert sight.is_on_side(left, "left_of") and not sight.is_on_side(left, "right_of")
    assert sight.is_on_side(2 * there - left, "right_of")
    assert sight.is_on_side(behind, "behind") and not sight.is_on_side(behind, "in_front_of")
    assert np.allclose(sight.offset(left), (0.0, offset), atol=1e-9) and sight.bearing(left) > 0


def test_between_two_places() -> None:
    (thing,) = things(((0.9, -0.1, 0.0), (0.2, 0.2, 0.4), GREY))
    assert geometry.between(thing, np.array([0.0, 0.0]), np.array([2.0, 0.0])) == pytest.approx(0.0, abs=0.03)
    assert geometry.between(thing, np.array([0.0, 2.0]), np.array([2.0, 2.0])) is None
    assert geometry.between(thing, np.array([2.0, 0.0]), np.array([4.0, 0.0])) is None
    assert geometry.between(thing, np.zeros(2), np.zeros(2)) is None
