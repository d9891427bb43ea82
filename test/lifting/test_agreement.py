"""Which regions the views agree on."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.lifting.agreement import MAX_REGIONS, agree


def told(answers: list[list[int]], faults: float = 0.3):
    """Agreement where every view sees all regions (rows: views, 1: taken); all of one size."""
    share = np.array(answers, float)
    return agree(share, np.ones_like(share), np.ones_like(share), np.full(len(share), faults))


def test_three_views_outvote_two_that_took_the_same_distractor():
    result = told([[1, 0]] * 3 + [[0, 1]] * 2)
    assert result.regions[0] > 0.8 and result.regions[1] < 0.3 and result.presence > 0.9
    assert (result.views[:3] > 0.6).all() and (result.views[3:] < 0.4).all()


def test_regions_taken_together_are_both_the_target():
    assert (told([[1, 1]] * 3 + [[0, 0]]).regions > 0.9).all()


def test_one_hallucination_of_six_is_no_target():
    assert told([[1]] + [[0]] * 5).presence < 0.1 < 0.9 < told([[1]] * 4 + [[0]] * 2).presence


def test_a_view_that_hardly_sees_a_region_is_no_witness_against_it():
    share, clarity = np.array([[1.0], [0.0], [0.0], [0.0]]), np.array([[1.0], [0.05], [0.05], [0.05]])
    size, faults = np.ones_like(share), np.full(4, 0.3)
    blind = agree(share, clarity, size, faults).presence
    assert blind > 0.5 > agree(share, np.ones_like(share), size, faults).presence


def test_a_view_known_to_be_odd_counts_little():
    share = np.array([[1.0], [1.0], [0.0], [0.0]])
    trusted = agree(share, np.ones_like(share), np.ones_like(share), np.full(4, 0.3))
    doubted = agree(share, np.ones_like(share), np.ones_like(share), np.array([0.9, 0.9, 0.3, 0.3]))
    assert doubted.presence < trusted.presence - 0.3


def test_cutting_an_object_into_pieces_does_not_multiply_the_evidence():
    whole, cut = told([[1], [1], [0], [0], [0]]), told([[1, 1, 1]] * 2 + [[0, 0, 0]] * 3)
    assert abs(whole.presence - cut.presence) < 0.15


def test_no_candidates_means_no_target():
    result = agree(np.zeros((3, 0)), np.zeros((3, 0)), np.zeros((3, 0)), np.full(3, 0.3))
    assert result.presence == 0 and result.views.tolist() == [0.7] * 3


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 9), st.integers(1, MAX_REGIONS + 4), st.integers(0, 10_000))
def test_whatever_is_seen_the_answers_are_probabilities(views, regions, seed):
    rng = np.random.default_rng(seed)
    share, clarity = rng.random((views, regions)), rng.random((views, regions)) * (rng.random((views, regions)) < 0.7)
    result = agree(share, clarity, rng.random((views, regions)) * (clarity > 0), rng.uniform(0.05, 0.95, views))
    for values in (result.regions, result.views, np.array([result.presence])):
        assert np.isfinite(values).all() and (values >= 0).all() and (values <= 1).all()
