"""Candidate regions from who took what together."""

import numpy as np

from mllm_for3d_ros.lifting.regions import candidate_regions, taken_share

SIZES = np.array([100, 100, 100, 100])
CHAIN = np.array([[0, 1], [1, 2], [2, 3]], np.int32)
ALL_SEEN = np.full((3, 4), 100.0, np.float32)


def test_touching_pieces_taken_by_the_same_views_are_one_region():
    votes = np.array([[90, 95, 0, 0], [80, 90, 0, 0], [0, 0, 0, 0]], np.float32)
    assert candidate_regions(votes, ALL_SEEN, SIZES, CHAIN).tolist() == [0, 0, -1, -1]


def test_touching_pieces_taken_by_different_views_are_two():
    votes = np.array([[90, 0, 0, 0], [90, 0, 0, 0], [0, 95, 0, 0]], np.float32)
    assert candidate_regions(votes, ALL_SEEN, SIZES, CHAIN).tolist() == [0, 1, -1, -1]


def test_pieces_that_no_view_sees_together_join_where_they_touch():
    seen = np.array([[100, 0, 0, 0], [0, 100, 0, 0]], np.float32)
    assert candidate_regions(seen * 0.9, seen, SIZES, CHAIN).tolist() == [0, 0, -1, -1]


def test_far_pieces_stay_apart_and_a_region_does_not_grow_through_what_was_left():
    votes = np.array([[90, 0, 90, 0]] * 3, np.float32)
    assert candidate_regions(votes, ALL_SEEN, SIZES, CHAIN).tolist() == [0, -1, 1, -1]


def test_a_glimpse_says_nothing():
    seen = np.array([[3.0, 100, 0, 0]], np.float32)
    share = taken_share(seen * 0.9, seen, SIZES)
    assert np.isnan(share[0, 0]) and share[0, 1] == np.float32(0.9) and np.isnan(share[0, 2:]).all()
    assert candidate_regions(seen * 0.9, seen, SIZES, CHAIN[:0]).tolist() == [-1, 0, -1, -1]


def test_nothing_taken_gives_no_region():
    assert (candidate_regions(ALL_SEEN * 0, ALL_SEEN, SIZES, CHAIN) == -1).all()
