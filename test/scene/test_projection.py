import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rgbd_support import poses, wall_frame

from mllm_for3d_ros.scene.projection import project, visible_in_depth, visible_pixels
from mllm_for3d_ros.scene.unproject import unproject
from mllm_for3d_ros.types import Frame, Intrinsics

CAMERA = Intrinsics(32, 24, 30.0, 31.0, 15.3, 11.8)


@settings(max_examples=30, deadline=None)
@given(poses(), st.integers(0, 2**32 - 1))
def test_unprojected_pixels_project_back_to_themselves(pose: np.ndarray, seed: int) -> None:
    depth = np.random.default_rng(seed).uniform(0.2, 4.9, (24, 32)).astype(np.float32)
    depth[::5] = 0
    frame = Frame(0, np.zeros((24, 32, 3), np.uint8), depth, CAMERA, pose)
    valid = depth > 0
    points = unproject(frame)[valid]
    rows, columns = np.nonzero(valid)
    u, v, z = project(points, CAMERA, pose)
    np.testing.assert_allclose(u, columns, atol=5e-3)
    np.testing.assert_allclose(v, rows, atol=5e-3)
    np.testing.assert_allclose(z, depth[valid], atol=1e-4)
    indices, us, vs = visible_pixels(points, frame)
    np.testing.assert_array_equal(indices, np.arange(len(points)))
    np.testing.assert_array_equal(us, columns)
    np.testing.assert_array_equal(vs, rows)


def test_hidden_points_points_behind_and_outside_are_not_seen() -> None:
    frame = wall_frame(distance=2.0)
    points = np.array(
        [[0, 0, 2.0], [0, 0, 2.04], [0, 0, 2.2], [0, 0, 1.5], [0, 0, -2.0], [0, 0, 0], [9, 0, 2.0], [np.nan, 0, 2]],
        dtype=np.float32,
    )
    indices, u, v = visible_pixels(points, frame)
    assert indices.tolist() == [0, 1]
    assert (indices.dtype, u.dtype, v.dtype) == (np.int64, np.int32, np.int32)


def test_invalid_depth_sees_nothing() -> None:
    frame = wall_frame(distance=0.0)
    assert len(visible_pixels(np.array([[0, 0, 0.01]], np.float32), frame)[0]) == 0


def test_no_points() -> None:
    indices, u, v = visible_pixels(np.empty((0, 3), np.float32), wall_frame())
    assert len(indices) == len(u) == len(v) == 0


def test_depth_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="24x32"):
        visible_in_depth(np.zeros((1, 3), np.float32), np.ones((4, 4), np.float32), CAMERA, np.eye(4))
