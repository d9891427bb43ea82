"""Pose noise: of the size asked for, smooth, rigid, reproducible."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mllm_for3d_ros.rooms.pose_noise import with_pose_noise

TRUE = np.tile(np.eye(4), (60, 1, 1))


@given(st.floats(0.001, 0.2), st.floats(0.001, 0.2), st.integers(0, 1000))
def test_noise_has_the_size_asked_for_and_stays_rigid(metres: float, radians: float, seed: int) -> None:
    noisy = with_pose_noise(TRUE, metres, radians, np.random.default_rng(seed))
    moved = np.sqrt(np.square(noisy[:, :3, 3]).sum(1).mean())
    turned = np.sqrt(np.square(Rotation.from_matrix(noisy[:, :3, :3]).magnitude()).mean())
    assert 0.6 * metres < moved < 1.4 * metres and 0.6 * radians < turned < 1.4 * radians
    assert np.allclose(noisy[:, :3, :3] @ noisy[:, :3, :3].transpose(0, 2, 1), np.eye(3))
    assert np.array_equal(noisy, with_pose_noise(TRUE, metres, radians, np.random.default_rng(seed)))


def test_neighbours_err_alike() -> None:
    noisy = with_pose_noise(TRUE, 0.05, 0.0, np.random.default_rng(0))[:, :3, 3]
    apart = np.linalg.norm(noisy - np.roll(noisy, 30, axis=0), axis=1).mean()
    assert np.linalg.norm(np.diff(noisy, axis=0), axis=1).mean() < 0.7 * apart


def test_none_leaves_the_poses_and_nonsense_is_refused() -> None:
    rng = np.random.default_rng(0)
    assert with_pose_noise(TRUE, 0.0, 0.0, rng) is TRUE
    with pytest.raises(ValueError, match="not negative"):
        with_pose_noise(TRUE, -0.1, 0.0, rng)
