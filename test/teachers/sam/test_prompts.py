"""Boxes and points of a model's answer are bounded before SAM sees them."""

import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.teachers.grounding import Located
from mllm_for3d_ros.teachers.sam.prompts import group_prompts

SIZE = (48, 64)
NUMBERS = st.floats(-1e6, 1e6) | st.sampled_from([0.0, 64.0, 48.0, 63.5, -math.inf, math.inf, math.nan])


def as_located(numbers: tuple[float, float, float, float], point: tuple[float, float], kind: int) -> Located:
    """A box from any four numbers (if they span one), a point, or both."""
    box = (*np.minimum(numbers[:2], numbers[2:]).tolist(), *np.maximum(numbers[:2], numbers[2:]).tolist())
    has_box = kind > 0 and box[0] < box[2] and box[1] < box[3]
    return Located(box if has_box else None, None if has_box and kind == 1 else point, "thing")


LOCATED = st.builds(
    as_located, st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS), st.integers(0, 2)
)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(LOCATED, max_size=8), st.integers(1, 4))
def test_whatever_comes_in_prompts_lie_in_the_image_once_each(objects, at_most):
    groups = group_prompts(objects, SIZE, at_most)
    rows = [row for group in groups for row in group.rows]
    assert len(rows) == len(set(rows)) and set(rows) <= set(range(len(objects)))
    for group in groups:
        assert 1 <= len(group.rows) <= at_most
        assert group.boxes is not None or group.points is not None
        if group.boxes is not None:
            assert group.boxes.shape == (len(group.rows), 4)
            x1, y1, x2, y2 = group.boxes.T
            assert (x1 >= 0).all() and (y1 >= 0).all() and (x2 <= 64).all() and (y2 <= 48).all()
            assert (x2 - x1 >= 1).all() and (y2 - y1 >= 1).all()
        if group.points is not None:
            assert group.points.shape == (len(group.rows), 2)
            assert (group.points >= 0).all() and (group.points <= [64, 48]).all()


def test_objects_are_grouped_by_what_they_consist_of():
    objects = [
        Located((1, 1, 9, 9), None, "box"),
        Located(None, (5, 5), "point"),
        Located((1, 1, 9, 9), (5, 5), "both"),
        Located((20, 20, 20.4, 40), (21, 30), "sliver with a point"),
        Located((1, 1, 9, 9), (500, 5), "box with a point elsewhere"),
        Located((-9, -9, -1, -1), None, "outside"),
        Located((2, 2, 99, 99), None, "over the edge"),
    ]
    groups = group_prompts(objects, SIZE, 8)
    kinds = {(g.boxes is not None, g.points is not None): g for g in groups}
    assert kinds[True, True].rows == (2,)
    assert kinds[True, False].rows == (0, 4, 6)
    assert kinds[False, True].rows == (1, 3)
    np.testing.assert_array_equal(kinds[True, False].boxes[2], [2, 2, 64, 48])


def test_nothing_to_prompt_gives_no_group():
    assert group_prompts([], SIZE, 8) == []
    assert group_prompts([Located((0, 0, 0.5, 0.5), None, "dust")], SIZE, 8) == []
