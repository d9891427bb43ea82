"""Scores follow the stated conventions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.evaluation.metrics import (
    Overlap,
    Scored,
    bootstrap_interval,
    expected_calibration_error,
    overlap,
    summarise,
)

masks = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=40).map(
    lambda pairs: np.array(pairs, bool).reshape(-1, 2)
)


@given(masks)
def test_iou_is_that_of_sets(pairs: np.ndarray) -> None:
    predicted, target = set(np.flatnonzero(pairs[:, 0])), set(np.flatnonzero(pairs[:, 1]))
    expected = len(predicted & target) / len(predicted | target) if predicted | target else 1.0
    assert overlap(pairs[:, 0], pairs[:, 1]).iou == pytest.approx(expected)
    assert overlap(pairs[:, 0], pairs[:, 1]).iou == overlap(pairs[:, 1], pairs[:, 0]).iou


def test_target_voxels_outside_of_the_map_count_as_missed() -> None:
    full = np.ones(6, bool)
    assert overlap(full, full, missed=2).iou == pytest.approx(6 / 8)


def test_masks_of_different_maps_are_refused() -> None:
    with pytest.raises(ValueError, match="same voxels"):
        overlap(np.ones(3, bool), np.ones(4, bool))


@pytest.mark.parametrize(
    ("present", "answered", "expected"),
    [(True, True, 0.5), (True, False, 0.0), (False, False, 1.0), (False, True, 0.0)],
)
def test_score_of_present_and_absent_targets(present: bool, answered: bool, expected: float) -> None:
    assert Scored(present, answered, Overlap(3, 6)).iou == expected


def test_absent_targets_are_reported_apart_and_thresholds_are_strict() -> None:
    queries = [
        Scored(True, True, Overlap(25, 100)),  # exactly 0.25: no hit
        Scored(True, True, Overlap(75, 100)),
        Scored(True, False, Overlap(0, 200)),
        Scored(True, True, Overlap(50, 100)),  # exactly 0.5: no hit at 0.5
        Scored(False, False, Overlap(0, 0)),
        Scored(False, True, Overlap(0, 9)),
    ]
    summary = summarise(queries)
    assert (summary.present, summary.absent) == (4, 2)
    assert summary.miou == pytest.approx((0.25 + 0.75 + 0.5) / 4)
    assert summary.accuracy == {0.25: 0.5, 0.5: 0.25}
    assert summary.ciou == pytest.approx(150 / 500)
    assert summary.giou == pytest.approx((0.25 + 0.75 + 0 + 0.5 + 1 + 0) / 6)
    assert summary.as_dict()["giou"] == pytest.approx(2.5 / 6, abs=1e-4)
    assert summary.false_no_target == 0.25 and summary.specificity == 0.5
    assert summary.miou_interval[0] <= summary.miou <= summary.miou_interval[1]


def test_nothing_to_tell_is_null_in_json() -> None:
    row = summarise([]).as_dict()
    assert row["present"] == 0 and row["miou"] is None and row["miou_interval"] is None and row["specificity"] is None


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(200):
        low, high = bootstrap_interval(rng.random(60), draws=400, seed=trial)
        hits += low <= 0.5 <= high
    assert 180 <= hits <= 199
    assert all(math.isnan(v) for v in bootstrap_interval(np.zeros(0)))


def test_calibration_is_the_gap_between_what_was_said_and_what_happened() -> None:
    said = np.array([0.9, 0.9, 0.9, 0.9, 0.2])
    assert expected_calibration_error(said, np.array([1, 1, 1, 0, 0], bool)) == pytest.approx((4 * 0.15 + 0.2) / 5)
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([False, True])) == 1
    assert math.isnan(expected_calibration_error(np.zeros(0), np.zeros(0)))
    for wrong in (np.array([0.5]), np.array([1.1, 0.0]), np.array([np.nan, 0.0])):
        with pytest.raises(ValueError):
            expected_calibration_error(wrong, np.array([True, False]))


@given(st.integers(0, 2**32 - 1))
def test_honest_probabilities_are_calibrated_and_boasts_are_not(seed: int) -> None:
    rng = np.random.default_rng(seed)
    chance = rng.random(20_000)
    happened = rng.random(20_000) < chance
    assert expected_calibration_error(chance, happened) < 0.03
    assert expected_calibration_error(np.sqrt(chance), happened) > 0.1
