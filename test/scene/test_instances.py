import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.scene.instances import split_instances, upright_box


def grid_box(size: tuple[float, float, float], center: tuple[float, float, float], yaw: float) -> np.ndarray:
    """Points every 2 cm through a turned box."""
    axes = [np.linspace(-s / 2, s / 2, max(2, round(s / 0.02))) for s in size]
    local = np.stack(np.meshgrid(*axes), -1).reshape(-1, 3)
    c, s = np.cos(yaw), np.sin(yaw)
    return (local @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + center).astype(np.float32)


def split(points: np.ndarray, probability: np.ndarray | None = None, **options: float) -> tuple:
    probability = np.full(len(points), 0.9, np.float32) if probability is None else probability
    return split_instances(points, np.ones(len(points), bool), probability, **options)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(st.floats(0.4, 2.0), st.floats(0.1, 0.9), st.floats(0.1, 1.0), st.floats(-1.55, 1.55), st.floats(-5, 5))
def test_the_box_of_a_turned_box_is_that_box(length: float, ratio: float, height: float, yaw: float, x: float) -> None:
    size = (length, length * ratio, height)
    center, got_yaw, got_size = upright_box(grid_box(size, (x, 2.0, 0.7), yaw))
    np.testing.assert_allclose(center, [x, 2.0, 0.7], atol=1e-4)
    np.testing.assert_allclose(got_size, size, atol=1e-3)
    assert abs((got_yaw - yaw + np.pi / 2) % np.pi - np.pi / 2) < 1e-2
    assert -np.pi / 2 < got_yaw <= np.pi / 2


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 0.1))
def test_boxes_hold_their_points(n: int, seed: int, padding: float) -> None:
    points = np.random.default_rng(seed).normal(size=(n, 3))
    center, yaw, size = upright_box(points, padding)
    c, s = np.cos(yaw), np.sin(yaw)
    local = (points - center) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    assert (np.abs(local) <= size / 2 + 1e-6).all()
    assert size[0] >= size[1] >= 0


@pytest.mark.parametrize("points", [[[1, 2, 3]], [[0, 0, 0], [0, 0, 1]], [[0, 0, 0], [1, 1, 0], [3, 3, 0]]])
def test_degenerate_boxes(points: list[list[float]]) -> None:
    center, yaw, size = upright_box(np.array(points, float), 0.02)
    assert np.isfinite([*center, yaw, *size]).all() and (size >= 0.02 - 1e-12).all()
    if len(points) == 3:
        assert yaw == pytest.approx(np.pi / 4) and size[0] == pytest.approx(np.hypot(3, 3) + 0.02)


def test_two_chairs_are_two_instances_sorted_by_score_times_size() -> None:
    small, large = grid_box((0.4, 0.3, 0.3), (0, 0, 0.2), 0.3), grid_box((0.8, 0.5, 0.4), (2, 0, 0.2), 0)
    probability = np.r_[np.full(len(small), 0.95), np.full(len(large), 0.8)].astype(np.float32)
    first, second = split(np.r_[small, large], probability, label="chair")  # type: ignore[arg-type]
    assert len(first.indices) == len(large) and first.score == pytest.approx(0.8)
    assert len(second.indices) == len(small) and second.score == pytest.approx(0.95)
    assert first.label == "chair"
    np.testing.assert_allclose(first.size, [0.825, 0.525, 0.425], atol=1e-3)
    assert sorted([*first.indices, *second.indices]) == list(range(len(small) + len(large)))


def test_fragments_are_dropped_only_beside_something_larger() -> None:
    large = grid_box((0.4, 0.4, 0.4), (0, 0, 0), 0)
    fragments = np.float32([[3, 0, 0], [3.02, 0, 0], [5, 0, 0]])
    assert len(split(np.r_[large, fragments])) == 1
    (only,) = split(fragments)
    assert only.indices.tolist() == [0, 1]


def test_no_mask_and_wrong_lengths() -> None:
    points = np.zeros((4, 3), np.float32)
    assert split_instances(points, np.zeros(4, bool), np.zeros(4, np.float32)) == ()
    with pytest.raises(ValueError, match="4 rows"):
        split_instances(points, np.zeros(3, bool), np.zeros(4, np.float32))
