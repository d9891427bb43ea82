import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from mllm_for3d_ros.nodes.inputs.resampling import ColorTable, DepthTable

HEIGHT, WIDTH = 13, 17
RNG = np.random.default_rng(0)
COLOR = RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
DEPTH = RNG.uniform(0.5, 4.0, (HEIGHT, WIDTH)).astype(np.float32)


def pixels(seed: int, margin: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    u, v = rng.uniform(-margin, WIDTH - 1 + margin, (9, 11)), rng.uniform(-margin, HEIGHT - 1 + margin, (9, 11))
    return np.stack([u, v], axis=2).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 3.0]))
def test_colour_is_bilinear_and_the_rim_goes_on(seed: int, margin: float) -> None:
    where = pixels(seed, margin)
    got = ColorTable(where, WIDTH, HEIGHT).look_up(COLOR)
    for c in range(3):
        expected = map_coordinates(
            COLOR[:, :, c].astype(float), [where[:, :, 1], where[:, :, 0]], order=1, mode="nearest"
        )
        np.testing.assert_allclose(got[:, :, c], expected, atol=1.6)  # weights are 256ths


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 3.0]))
def test_depth_is_that_of_the_nearest_pixel_and_nothing_outside(seed: int, margin: float) -> None:
    where = pixels(seed, margin)
    got = DepthTable(where, WIDTH, HEIGHT).look_up(DEPTH)
    for (u, v), depth in zip(where.reshape(-1, 2), got.reshape(-1), strict=True):
        inside = -0.5 <= u < WIDTH - 0.5 and -0.5 <= v < HEIGHT - 0.5
        assert depth == (DEPTH[int(np.floor(v + 0.5)), int(np.floor(u + 0.5))] if inside else 0)


def test_pixels_themselves_are_exact() -> None:
    grid = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=2).astype(np.float32)
    np.testing.assert_array_equal(ColorTable(grid, WIDTH, HEIGHT).look_up(COLOR), COLOR)
    np.testing.assert_array_equal(DepthTable(grid, WIDTH, HEIGHT).look_up(DEPTH), DEPTH)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_nowhere_is_black_and_without_depth(bad: float) -> None:
    where = np.full((2, 3, 2), 4.0, np.float32)
    where[0, 1, 0] = bad
    color, depth = ColorTable(where, WIDTH, HEIGHT).look_up(COLOR), DepthTable(where, WIDTH, HEIGHT).look_up(DEPTH)
    assert not color[0, 1].any() and depth[0, 1] == 0
    assert (color[1] == COLOR[4, 4]).all() and (depth[1] == DEPTH[4, 4]).all()
