import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.scene.normals import estimate_normals


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_any_plane_gets_its_normal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    flat = rng.uniform(-1, 1, (300, 3))
    flat -= (flat @ normal)[:, None] * normal
    estimated = estimate_normals((flat + 5).astype(np.float32))
    assert np.abs(estimated @ normal).min() > 0.99


def test_the_walls_of_a_room_face_inwards() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (6000, 3))
    side = rng.integers(0, 3, 6000)
    sign = rng.choice([-1.0, 1.0], 6000)
    points[np.arange(6000), side] = sign
    inner = np.abs(np.delete(points, 0, axis=1)).max(axis=1) < 2
    normals = estimate_normals(points * [2, 2, 1.2])
    faces = normals[np.arange(6000), side] * -sign
    assert (faces[inner] > 0.9).mean() > 0.9


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_points_have_no_normal(n: int) -> None:
    assert not estimate_normals(np.ones((n, 3))).any()


def test_a_line_has_no_normal() -> None:
    assert not estimate_normals(np.linspace([0, 0, 0], [1, 2, 3], 50)).any()
