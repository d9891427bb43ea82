"""Thresholds are those that pseudo-labels speak for, and one half where they hardly care."""

import numpy as np
import pytest

from mllm_for3d_ros.student.calibration import presence_threshold


def test_the_threshold_that_parts_present_from_absent_is_taken():
    threshold, balanced = presence_threshold(np.array([0.1, 0.2, 0.72, 0.76, 0.9]), np.array([0, 0, 0, 1, 1], bool))
    assert threshold == pytest.approx(0.75) and balanced == 1.0


def test_where_many_are_alike_the_nearest_to_one_half_is_taken():
    threshold, balanced = presence_threshold(np.array([0.03, 0.04, 0.96, 0.97]), np.array([0, 0, 1, 1], bool))
    assert threshold == 0.5 and balanced == 1.0


def test_without_anything_present_nothing_is_refused_or_taken_by_chance():
    threshold, balanced = presence_threshold(np.array([0.2, 0.3]), np.zeros(2, bool))
    assert threshold == 0.5 and balanced == 1.0
