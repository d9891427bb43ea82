"""Token attention and the unified query token."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mllm_for3d_ros.lifting.token_attention import token_attention

finite = st.floats(-10, 10, allow_nan=False, width=32)


@given(arrays(np.float32, (5, 4), elements=finite), arrays(np.float32, (5,), elements=st.floats(0, 1, width=32)))
def test_weights_are_a_distribution_or_nothing(tokens, confidences):
    weights, query = token_attention(tokens, confidences)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1, abs=1e-4) or confidences.sum() == 0
    np.testing.assert_allclose(query, weights @ tokens, atol=1e-3)


def test_the_odd_view_out_is_dropped():
    tokens = np.array([[1, 0], [0.9, 0.1], [1, 0.1], [-1, 0]], np.float32)
    weights, query = token_attention(tokens, np.full(4, 0.8, np.float32))
    assert weights[3] == 0
    assert query[0] > 0.9


def test_confidence_counts():
    tokens = np.tile(np.array([[1.0, 0.0]], np.float32), (2, 1))
    weights, _ = token_attention(tokens, np.array([0.9, 0.3], np.float32))
    assert weights[0] == pytest.approx(0.75, abs=1e-4)


def test_the_order_of_views_does_not_matter():
    rng = np.random.default_rng(0)
    tokens, confidences = rng.normal(size=(6, 8)).astype(np.float32), rng.random(6).astype(np.float32)
    order = rng.permutation(6)
    weights, query = token_attention(tokens, confidences)
    shuffled, again = token_attention(tokens[order], confidences[order])
    np.testing.assert_allclose(weights[order], shuffled, atol=1e-5)
    np.testing.assert_allclose(query, again, atol=1e-5)


@pytest.mark.parametrize(
    ("tokens", "confidences", "message"),
    [
        (np.ones((2, 3)), np.ones(3), "expected tokens"),
        (np.full((2, 3), np.nan), np.ones(2), "must be finite"),
        (np.ones((2, 3)), -np.ones(2), "not negative"),
    ],
)
def test_unfit_input_is_refused(tokens, confidences, message):
    with pytest.raises(ValueError, match=message):
        token_attention(tokens, confidences)
