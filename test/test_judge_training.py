"""The stage of the judge."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.judge_training import auc
from mllm_for3d_ros.rooms.instructions import bank
from mllm_for3d_ros.rooms.phrase_bank import concepts_of
from mllm_for3d_ros.rooms.recording import RoomsRecording
from mllm_for3d_ros.rooms.views import SHOWN, shown_pixels, told_by
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES


@given(st.integers(0, 10**6))
def test_the_area_is_the_share_of_pairs_in_the_right_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    presence, there = rng.random(12), np.arange(12) < rng.integers(1, 12)
    pairs = [a > b for a in presence[there] for b in presence[~there]]
    assert auc(presence, there) == pytest.approx(np.mean(pairs), abs=1e-4)
    assert np.isnan(auc(presence, np.ones(12, bool)))


def test_shown_pixels_count_the_classes_of_a_rooms_views() -> None:
    recording = RoomsRecording(2600, frames=3)
    shown = shown_pixels(recording.room, recording.instances)
    assert shown.shape == (len(CLASS_NAMES),) and shown.sum() > 1000
    assert {CLASS_NAMES[index] for index in np.flatnonzero(shown)} == set(recording.room.classes)
    blind = shown_pixels(recording.room, [np.zeros((240, 320), np.int32)])
    assert {CLASS_NAMES[index] for index in np.flatnonzero(blind == 1)} == set(recording.room.classes)


def test_nobody_can_tell_of_what_is_hardly_shown() -> None:
    np.testing.assert_array_equal(told_by(np.array([0, 1, SHOWN - 1, SHOWN])), [0, np.nan, np.nan, 1])


def test_phrases_mean_their_classes() -> None:
    phrases = bank("train")[::50]
    wanted = [len(CLASS_NAMES) if p.class_name is None else CLASS_NAMES.index(p.class_name) for p in phrases]
    assert concepts_of(p.text for p in phrases).tolist() == wanted
