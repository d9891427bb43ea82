"""Probability masks in a few level sets."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from mllm_for3d_ros.teachers.cache import rle
from mllm_for3d_ros.teachers.cache.soft_mask import LEVELS, pack_mask, unpack_mask

SHAPES = npst.array_shapes(min_dims=2, max_dims=2, max_side=30)
PROBABILITIES = st.floats(0, 1, width=32) | st.sampled_from([0.0, 1.0, 0.5, *map(float, map(np.float32, LEVELS))])


@given(npst.arrays(np.float32, SHAPES, elements=PROBABILITIES))
def test_what_is_kept(mask: np.ndarray) -> None:
    back = unpack_mask(pack_mask(mask))
    assert back.dtype == np.float32 and back.shape == mask.shape and back.flags.c_contiguous
    assert np.abs(back - mask).max() <= 0.15
    assert back.mean(dtype=float) == pytest.approx(mask.mean(dtype=float), abs=1e-6)
    for level in LEVELS:
        assert np.array_equal(back > np.float32(level), mask > np.float32(level))


@given(npst.arrays(np.float32, SHAPES, elements=st.sampled_from([0.0, 1.0])))
def test_a_binary_mask_is_exact_and_one_level_set(mask: np.ndarray) -> None:
    text = pack_mask(mask)
    assert np.array_equal(unpack_mask(text), mask)
    assert len(json.loads(text)["counts"]) <= 1


def test_the_level_sets_are_coco_masks() -> None:
    mask = np.zeros((4, 5), np.float32)
    mask[1:3, 1:4] = 0.6
    mask[1, 1] = 0.9
    stored = json.loads(pack_mask(mask))
    assert stored["size"] == [4, 5] and stored["values"] == pytest.approx([0, 0.6, 0.9])
    assert [rle.decode(counts, 4, 5).sum() for counts in stored["counts"]] == [6, 1]
    assert stored["counts"][0] == "5220003"


def test_what_is_no_probability_is_clipped() -> None:
    odd = np.array([[np.nan, np.inf], [-3, 7]], np.float32)
    assert unpack_mask(pack_mask(odd)).tolist() == [[0, 1], [0, 1]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"size":[2,2]}',
        '{"size":[2,2],"values":[0],"counts":["4"]}',
        '{"size":[2,2],"values":[0,1],"counts":["5"]}',
        '{"size":[2,2],"values":[0,NaN],"counts":["4"]}',
        '{"size":[2,2],"values":[0,1],"counts":[4]}',
    ],
)
def test_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"damaged|run lengths|Expecting"):
        unpack_mask(text)
