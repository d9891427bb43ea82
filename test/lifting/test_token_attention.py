"""Token attention and the unified query token."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mllm_for3d_ros.lifting.token_attention import token_attention

finite = st.floats(-10, 10, allow_nan=False, width=32)
shares = st.floats(0, 1, width=32)


@given(arrays(np.float32, (5, 4), elements=finite), arrays(np.float32, (5,), elements=shares))
def test_weights_are_a_distribution_or_nothing(tokens, confidences):
    told = token_attention(list(tokens), confidences)
    assert (told.weights >= 0).all() and ((told.doubt >= 0) & (told.doubt <= 1)).all()
    assert told.weights.sum() == pytest.approx(1, abs=1e-4) or not (confidences > 0).any()
    if told.query is not None:
        np.testing.assert_allclose(told.query, told.weights @ tokens, atol=1e-3)


def test_the_odd_view_out_is_dropped_with_a_reason():
    tokens = np.array([[1, 0], [0.9, 0.1], [1, 0.1], [-1, 0]], np.float32)
    told = token_attention(list(tokens), np.full(4, 0.8))
    assert told.weights[3] == 0 and "token disagrees" in told.dropped[3] and told.doubt[3] == 1
    assert told.dropped[:3] == (None,) * 3 and told.query[0] > 0.9


@given(st.integers(0, 10_000), st.floats(0.7, np.pi / 2), st.floats(1, 20))
def test_two_of_five_cannot_win_however_sure_loud_and_alike(seed, angle, loudness):
    rng = np.random.default_rng(seed)
    right = np.array([1.0, 0, 0, 0]) + 0.05 * rng.normal(size=(3, 4))
    wrong = loudness * np.tile([np.cos(angle), np.sin(angle), 0, 0], (2, 1))
    told = token_attention([*right, *wrong], np.array([0.5, 0.5, 0.5, 1.0, 1.0]))
    assert (told.weights[3:] == 0).all() and (told.weights[:3] > 0).all()


def test_confidence_counts_where_it_goes_with_agreement():
    axis, off = np.array([1.0, 0]), np.array([np.cos(0.5), np.sin(0.5)])
    agreeing = token_attention([axis, axis, axis, off], np.array([0.9, 0.9, 0.9, 0.3]))
    level = token_attention([axis, axis, axis, off], np.full(4, 0.6))
    assert agreeing.weights[3] < 0.6 * level.weights[3]


def test_confidence_that_contradicts_agreement_is_not_believed():
    axis, off = np.array([1.0, 0]), np.array([np.cos(0.5), np.sin(0.5)])
    told = token_attention([axis, axis, axis, off], np.array([0.3, 0.3, 0.3, 0.9]))
    assert told.weights[3] <= told.weights[0]


def test_equal_tokens_share_by_half_of_their_differences_of_confidence():
    told = token_attention([np.array([1.0, 0.0])] * 2, np.array([0.9, 0.3]))
    np.testing.assert_allclose(told.weights, [0.625, 0.375], atol=1e-5)


def test_a_view_without_a_token_weighs_as_an_average_one():
    told = token_attention([np.array([1.0, 0]), None, np.array([1.0, 0])], np.full(3, 0.5))
    np.testing.assert_allclose(told.weights, 1 / 3, atol=1e-5)
    assert told.query.tolist() == pytest.approx([2 / 3, 0])


def test_without_any_token_there_is_no_query():
    told = token_attention([None, None], np.array([0.5, 0.5]))
    assert told.query is None and told.weights.tolist() == [0.5, 0.5]


def test_no_views_or_no_confidence_say_nothing():
    assert token_attention([], np.zeros(0)).weights.shape == (0,)
    told = token_attention([np.ones(2)], np.zeros(1))
    assert told.weights.tolist() == [0] and told.query is None and told.dropped == ("no confidence",)


def test_the_order_of_views_does_not_matter():
    rng = np.random.default_rng(0)
    tokens, confidences = rng.normal(size=(6, 8)) + 1, rng.random(6)
    order = rng.permutation(6)
    told, shuffled = (
        token_attention(list(tokens), confidences),
        token_attention(list(tokens[order]), confidences[order]),
    )
    np.testing.assert_allclose(told.weights[order], shuffled.weights, atol=1e-5)
    np.testing.assert_allclose(told.query, shuffled.query, atol=1e-5)


@pytest.mark.parametrize(
    ("tokens", "confidences", "message"),
    [
        ([np.ones(3)] * 2, np.ones(3), "expected a confidence"),
        ([np.ones(3), np.ones(2)], np.ones(2), "one length"),
        ([np.full(3, np.nan)] * 2, np.ones(2), "must be finite"),
        ([np.ones(3)] * 2, -np.ones(2), "not negative"),
    ],
)
def test_unfit_input_is_refused(tokens, confidences, message):
    with pytest.raises(ValueError, match=message):
        token_attention(tokens, confidences)
