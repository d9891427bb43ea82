"""Variants of scenes that their instructions still describe truly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.student.augmentation import AugmentationSettings, off_grid, vary, wording


def scene(count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Voxels whose normals point where they lie, and whose colours are their places."""
    rng = np.random.default_rng(0)
    coords = np.unique(rng.integers(-20, 20, (count, 3)), axis=0).astype(np.int32)
    inputs = np.zeros((len(coords), 8), np.float16)
    inputs[:, :3] = coords / 20
    inputs[:, 3:6] = coords
    inputs[:, 6] = coords[:, 2]
    return coords, inputs


def mirrored(coords: np.ndarray, source: np.ndarray) -> bool:
    """Whether the variant's voxels are a mirror image of those they come from, by the sign of the map between."""
    return bool(np.linalg.det(np.linalg.lstsq(source.astype(float), coords.astype(float), rcond=None)[0]) < 0)


@pytest.mark.parametrize(
    "text", ["the chair left of the door", "the RIGHTMOST cup", "walk counter-clockwise", "the left-hand drawer"]
)
def test_no_mirror_image_where_a_text_speaks_of_sides(text):
    coords, inputs = scene()
    told = [
        vary(coords, inputs, ["the bed", text], np.random.default_rng(s), AugmentationSettings()) for s in range(20)
    ]
    free = [vary(coords, inputs, ["the bed"], np.random.default_rng(s), AugmentationSettings()) for s in range(20)]
    assert not any(mirrored(variant.coords, coords) for variant in told)
    assert any(mirrored(variant.coords, coords) for variant in free)


@pytest.mark.parametrize("text", ["the red chair", "something greyish", "the colourful rug", "a dark box"])
def test_where_colours_are_changed_a_text_with_colours_is_left_out(text):
    coords, inputs = scene()
    seen = set()
    for seed in range(20):
        variant = vary(coords, inputs, ["the bed", text], np.random.default_rng(seed), AugmentationSettings())
        changed = not np.allclose(np.sort(variant.inputs[:, 0]), np.sort(inputs[:, 0].astype(np.float32)))
        assert variant.said.tolist() == [True, not changed]
        seen.add(changed)
    assert seen == {True, False}


def test_colours_stay_where_every_text_speaks_of_them():
    coords, inputs = scene()
    for seed in range(5):
        variant = vary(coords, inputs, ["the red chair"], np.random.default_rng(seed), AugmentationSettings())
        assert variant.said.all() and np.allclose(
            np.sort(variant.inputs[:, 0]), np.sort(inputs[:, 0].astype(np.float32))
        )


def test_the_compass_keeps_the_scene_as_it_stands():
    coords, inputs = scene()
    options = AugmentationSettings(rotation=20)
    for seed in range(5):
        variant = vary(coords, inputs, ["the north wall"], np.random.default_rng(seed), options)
        np.testing.assert_array_equal(variant.coords, coords)


def test_lengths_forbid_another_scale():
    coords, inputs = scene()
    for seed in range(5):
        rng, options = np.random.default_rng(seed), AugmentationSettings(scale=0.2, height=0.0)
        variant = vary(coords, inputs, ["the shelf that is two metres tall"], rng, options)
        np.testing.assert_array_equal(variant.coords[:, 2], coords[:, 2])


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_normals_turn_with_the_voxels(seed):
    coords, inputs = scene()
    variant = vary(coords, inputs, [], np.random.default_rng(seed), AugmentationSettings(height=0.0))
    np.testing.assert_allclose(variant.inputs[:, 3:6], variant.coords, atol=1e-2)


@given(st.floats(-3.2, 3.2), st.floats(0.8, 1.2))
@settings(max_examples=25, deadline=None)
def test_off_the_grid_voxels_stay_apart_and_near_their_true_places(angle, scale):
    coords, inputs = scene()
    moved, varied, rows = off_grid(coords, inputs.astype(np.float32), angle, scale)
    assert len(np.unique(moved, axis=0)) == len(moved) == len(varied) == len(rows)
    centre = (coords + 0.5).mean(0)
    rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    exact = scale * (coords[rows] + 0.5 - centre) @ rotation.T + centre
    assert np.abs(moved + 0.5 - exact).max() <= 0.5 + 1e-9
    np.testing.assert_allclose(varied[:, 6], scale * inputs[rows, 6].astype(np.float32), atol=1e-3)


def test_what_a_text_speaks_of():
    assert not any(vars(wording("somewhere to sit for three people")).values())
    assert wording("a 30 cm box").measure and not wording("three cups").measure
    assert not wording("a bright idea of the copyright office").sides
