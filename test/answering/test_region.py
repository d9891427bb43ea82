"""An instruction may be about a box of the map: what lies outside is not there for it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from student_support import ColorStudent, box_cloud

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.answering.region import Region
from mllm_for3d_ros.types import Status

CLOUD = box_cloud(((-0.9, -0.9, 0.0), "red"), ((0.4, 0.4, 0.0), "red"), ((0.4, -0.9, 0.0), "green"))


def region(x: float, y: float, z: float = 0.2, side: float = 0.8, yaw: float = 0.0) -> Region:
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    pose[:3, 3] = x, y, z
    return Region(pose, np.full(3, side))


@pytest.fixture
def answerer() -> Answerer:
    return Answerer(ColorStudent())


def test_only_what_lies_inside_is_found(answerer: Answerer) -> None:
    scene = answerer.encode(CLOUD)
    answer = answerer.answer(scene, "red", region=region(0.6, 0.6))
    (one,) = answer.instances
    np.testing.assert_allclose(one.center, [0.6, 0.6, 0.2], atol=0.01)
    assert answer.mask.sum() == 8**3 and answer.explanation.startswith("In the region asked for: 1 object fits")
    assert (answer.probability[CLOUD.points[:, 0] < 0] == 0).all()


def test_an_object_is_cut_at_the_faces_of_the_box(answerer: Answerer) -> None:
    answer = answerer.answer(answerer.encode(CLOUD), "red", region=region(0.4, 0.6, side=0.4))
    assert answer.mask.sum() == 8**3 // 2 and CLOUD.points[answer.mask, 0].max() < 0.6


def test_what_lies_outside_is_no_target_and_no_anchor(answerer: Answerer) -> None:
    scene = answerer.encode(CLOUD)
    assert answerer.answer(scene, "green", region=region(0.6, 0.6)).status is Status.NO_TARGET
    beside = answerer.answer(scene, "the red one nearest to the green one", region=region(0.6, 0.6))
    assert beside.status is Status.NO_TARGET
    assert answerer.answer(scene, "the red one nearest to the green one").status is Status.OK


def test_a_region_that_nobody_has_seen_is_said_so(answerer: Answerer) -> None:
    answer = answerer.answer(answerer.encode(CLOUD), "red", region=region(0.0, 0.0, z=5.0))
    assert answer.status is Status.NOT_OBSERVED and not answer.mask.any() and "holds 0 voxels" in answer.explanation


@given(
    st.tuples(*[st.floats(-0.49, 0.49)] * 3), st.floats(-3.2, 3.2), st.tuples(*[st.floats(0.1, 3.0)] * 3),
    st.sampled_from([0, 1, 2]),
)  # fmt: skip
def test_points_are_told_apart_in_the_axes_of_the_box(
    place: tuple[float, ...], yaw: float, size: tuple[float, ...], axis: int
) -> None:
    turned = region(1.0, -2.0, 0.5, yaw=yaw).box_to_map
    box, inside = Region(turned, np.array(size)), np.array(place) * size
    outside = inside.copy()
    outside[axis] = 0.51 * size[axis]
    points = np.stack([inside, outside]) @ turned[:3, :3].T + turned[:3, 3]
    assert box.contains(points).tolist() == [True, False]


@pytest.mark.parametrize("size", [(1.0, 0.0, 1.0), (1.0, -1.0, 1.0), (np.nan, 1.0, 1.0), (np.inf, 1.0, 1.0)])
def test_a_box_without_extent_is_refused(size: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="positive extents"):
        Region(np.eye(4), np.array(size))
