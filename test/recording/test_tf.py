import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rgbd_support import make_pose, poses
from scipy.spatial.transform import Rotation, Slerp

from mllm_for3d_ros.recording.tf import TfBuffer, TransformUnavailable
from mllm_for3d_ros.recording.transforms import invert, make_transform, matrix_to_quaternion, quaternion_to_matrix


def add(buffer: TfBuffer, parent: str, child: str, stamp: int, pose: np.ndarray, static: bool = False) -> bool:
    return buffer.add(parent, child, stamp, pose[:3, 3], matrix_to_quaternion(pose[:3, :3]), static)


@settings(max_examples=100, deadline=None)
@given(poses())
def test_quaternions_round_trip_and_agree_with_scipy(pose: np.ndarray) -> None:
    quaternion = matrix_to_quaternion(pose[:3, :3])
    np.testing.assert_allclose(quaternion_to_matrix(quaternion), pose[:3, :3], atol=1e-12)
    reference = Rotation.from_matrix(pose[:3, :3]).as_quat()
    assert min(np.abs(quaternion - reference).max(), np.abs(quaternion + reference).max()) < 1e-9


@pytest.mark.parametrize("turn", [(np.pi, 0, 0), (0, np.pi, 0), (0, 0, np.pi), (0, 0, 0)])
def test_half_turns_round_trip(turn: tuple[float, float, float]) -> None:
    rotation = make_pose(turn, (0, 0, 0))[:3, :3]
    np.testing.assert_allclose(quaternion_to_matrix(matrix_to_quaternion(rotation)), rotation, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(poses(), poses(), st.integers(0, 1000))
def test_interpolation_is_linear_and_slerp(first: np.ndarray, second: np.ndarray, at: int) -> None:
    buffer = TfBuffer()
    add(buffer, "map", "camera", 1000, second)
    add(buffer, "map", "camera", 0, first)
    got = buffer.lookup("map", "camera", at)
    np.testing.assert_allclose(got[:3, 3], first[:3, 3] + at / 1000 * (second[:3, 3] - first[:3, 3]), atol=1e-9)
    turns = Rotation.from_matrix([first[:3, :3], second[:3, :3]])
    if (turns[0].inv() * turns[1]).magnitude() < 3.1:  # a half turn has two shortest ways
        np.testing.assert_allclose(got[:3, :3], Slerp([0, 1000], turns)(at).as_matrix(), atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(poses(), poses(), poses())
def test_chains_compose_and_invert(base: np.ndarray, arm: np.ndarray, mount: np.ndarray) -> None:
    buffer = TfBuffer()
    add(buffer, "map", "base", 5, base)
    add(buffer, "/base", "/arm", 0, arm, static=True)
    add(buffer, "base", "camera", 0, mount, static=True)
    np.testing.assert_allclose(buffer.lookup("map", "camera", 5), base @ mount, atol=1e-9)
    np.testing.assert_allclose(buffer.lookup("camera", "map", 5), invert(base @ mount), atol=1e-9)
    np.testing.assert_allclose(buffer.lookup("arm", "camera", 99), invert(arm) @ mount, atol=1e-9)
    assert buffer.is_moving("camera", "map") and not buffer.is_moving("camera", "base")
    assert buffer.frames == ["arm", "base", "camera", "map"]
    assert buffer.ancestors("/camera") == ["camera", "base", "map"]


def test_no_extrapolation_and_no_connection() -> None:
    buffer = TfBuffer()
    add(buffer, "map", "camera", 10, np.eye(4))
    add(buffer, "map", "camera", 20, np.eye(4))
    for stamp, reason in ((9, "older"), (21, "newer")):
        with pytest.raises(TransformUnavailable, match=reason):
            buffer.lookup("map", "camera", stamp)
    with pytest.raises(TransformUnavailable, match="not connected"):
        buffer.lookup("odom", "camera", 15)


def test_a_repeated_stamp_replaces_and_bad_transforms_are_left_out() -> None:
    buffer = TfBuffer()
    zero, unit = np.zeros(3), np.array([0, 0, 0, 1.0])
    assert buffer.add("map", "camera", 1, zero, unit)
    assert buffer.add("map", "camera", 1, np.ones(3), unit)
    assert buffer.lookup("map", "camera", 1)[0, 3] == 1
    assert not buffer.add("map", "camera", 2, zero, np.zeros(4))
    assert not buffer.add("map", "camera", 2, np.full(3, np.nan), unit)
    assert not buffer.add("map", "map", 2, zero, unit)
    with pytest.raises(TransformUnavailable):
        buffer.lookup("map", "camera", 2)


def test_a_loop_of_frames_ends() -> None:
    buffer = TfBuffer()
    add(buffer, "a", "b", 0, np.eye(4), static=True)
    add(buffer, "b", "a", 0, np.eye(4), static=True)
    assert buffer.ancestors("a") == ["a", "b"]


def test_make_transform_normalises() -> None:
    np.testing.assert_allclose(make_transform(np.zeros(3), np.array([0, 0, 0, 2.0])), np.eye(4))
