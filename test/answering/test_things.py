"""Things with their shape on the plan."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from things_support import VOXEL, boxes_cloud, things

from mllm_for3d_ros.answering.things import floor_height, things_of
from mllm_for3d_ros.scene.instances import split_instances

GREY = (128, 128, 128)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 3.0), st.floats(-1.0, 1.0), st.floats(0.0, 1.0))
def test_the_horizontal_distance_is_that_of_the_gap(gap: float, aside: float, height: float) -> None:
    one, other = things(((0, 0, 0), (0.5, 0.5, 0.5), GREY), ((0.5 + gap, 0.0, height), (0.5, 0.5, 0.5), GREY))
    assert one.distance(other) == pytest.approx(gap, abs=0.12)
    assert one.distance(other) == other.distance(one)
    assert one.distance(one) == 0.0


def parts(boxes: list, minimum: int = 1) -> int:
    cloud, kinds = boxes_cloud({"lamp": boxes})
    mask = kinds == "lamp"
    instances = split_instances(cloud.points, mask, mask.astype(np.float32), min_points=minimum, voxel_size=VOXEL)
    return len(things_of(cloud, instances, floor_height(cloud)))


def test_a_lamp_without_its_pole_is_one_lamp() -> None:
    foot, shade = ((0, 0, 0), (0.3, 0.3, 0.1), GREY), ((0, 0, 1.2), (0.3, 0.3, 0.3), GREY)
    assert parts([foot, shade]) == 1
    assert parts([foot, ((1.0, 0, 1.2), (0.3, 0.3, 0.3), GREY)]) == 2


def test_pictures_above_one_another_are_two() -> None:
    assert parts([((0, 0, 0.9), (0.5, 0.05, 0.4), GREY), ((0, 0, 1.6), (0.5, 0.05, 0.4), GREY)]) == 2


def test_a_small_fragment_is_no_thing() -> None:
    assert parts([((0, 0, 0), (0.5, 0.5, 0.5), GREY), ((2, 0, 0), (0.1, 0.1, 0.1), GREY)]) == 1


def test_the_floor_is_the_lowest_large_surface() -> None:
    cloud, _ = boxes_cloud({"box": [((0, 0, 0), (0.5, 0.5, 0.5), GREY)]})
    assert floor_height(cloud) == pytest.approx(-VOXEL / 2, abs=1e-3)
