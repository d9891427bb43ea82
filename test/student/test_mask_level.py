"""The probability from which a voxel belongs to a mask."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mllm_for3d_ros.student.mask_level import FAINTEST, STRONGEST, mask_level

PROBABILITIES = arrays(np.float32, st.integers(0, 80), elements=st.floats(0, 1, width=32))


def test_it_is_a_share_of_the_strongest():
    probability = np.concatenate([np.full(STRONGEST, 0.8), np.full(500, 0.3)]).astype(np.float32)
    assert abs(mask_level(probability, 0.5) - 0.4) < 1e-6


def test_what_is_faint_everywhere_has_no_mask():
    assert mask_level(np.full(100, 0.06, np.float32), 0.5) == FAINTEST
    assert mask_level(np.zeros(0, np.float32), 0.5) == FAINTEST


@given(PROBABILITIES, st.floats(0, 1))
def test_a_mask_is_never_empty_where_anything_is_likely(probability, share):
    level = mask_level(probability, share)
    assert FAINTEST <= level <= max(FAINTEST, float(probability.max(initial=0)) * (1 + 1e-6))


@given(PROBABILITIES, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_is_a_higher_level(probability, one, other):
    low, high = sorted((one, other))
    assert mask_level(probability, low) <= mask_level(probability, high)
