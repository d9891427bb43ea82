"""Rigid transforms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.recording.transforms import make_transform, rotation_angle

ANGLES = st.floats(-3.1, 3.1)


def turned(yaw: float) -> np.ndarray:
    return make_transform(np.array([1.0, 2.0, 3.0]), np.array([0, 0, np.sin(yaw / 2), np.cos(yaw / 2)]))


@given(ANGLES)
def test_rotation_angle_is_the_turn(yaw: float) -> None:
    assert float(rotation_angle(np.eye(4), turned(yaw))) == pytest.approx(abs(yaw), abs=1e-6)


@given(st.lists(ANGLES, max_size=4), ANGLES)
def test_many_are_compared_with_one(yaws: list[float], yaw: float) -> None:
    many = np.array([turned(one) for one in yaws]).reshape(-1, 4, 4)
    angles = [float(rotation_angle(one, turned(yaw))) for one in many]
    np.testing.assert_allclose(rotation_angle(many, turned(yaw)), angles, atol=1e-9)
