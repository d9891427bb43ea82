"""Poses of whoever asks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.answering.viewpoint import Viewpoint


@given(st.floats(-3.1, 3.1), st.floats(-5, 5), st.floats(-5, 5))
def test_a_pose_and_its_yaw_agree(yaw: float, x: float, y: float) -> None:
    pose = np.eye(4)
    pose[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    pose[:3, 3] = x, y, 1.0
    for given_pose in (pose, np.array([x, y, yaw]), np.array([x, y, 1.0, yaw])):
        seen = Viewpoint.of(given_pose)
        assert np.allclose(seen.position, [x, y]) and np.isclose(seen.yaw, yaw)
        assert np.allclose(seen.ahead, pose[:2, 0]) and Viewpoint.of(seen) is seen


@pytest.mark.parametrize("pose", [np.zeros(2), np.full(3, np.nan), np.eye(3)])
def test_what_is_no_pose_is_refused(pose: np.ndarray) -> None:
    with pytest.raises(ValueError, match="viewpoint is a finite"):
        Viewpoint.of(pose)


def test_looking_straight_down_has_no_sides() -> None:
    down = np.array([[0, 0, 1, 0], [0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1.0]])
    with pytest.raises(ValueError, match="straight up or down"):
        Viewpoint.of(down)
