"""The stage of presence."""

import numpy as np
import pytest

from mllm_for3d_ros.presence_training import SPECIFICITY, Cases, ShownRoom, drawn_phrases, tried
from mllm_for3d_ros.rooms.instructions import bank
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES


def cases(seed: int, count: int = 60) -> Cases:
    """Concept 0 is there where the second number is large, concept 1 where it is small; the first tells nothing."""
    rng = np.random.default_rng(seed)
    evidence, concepts = rng.normal(size=(count, 4)).astype(np.float32), rng.integers(0, 2, count)
    there = (evidence[:, 1] > 0) == (concepts == 0)
    return Cases(evidence, np.eye(2, dtype=np.float32)[concepts], there)


def test_figures_are_of_rooms_that_the_judge_was_not_fitted_to() -> None:
    found = [cases(seed) for seed in range(42)]
    threshold, figures = tried(found, 0)
    assert 0 < threshold < 1 and figures["specificity"] == pytest.approx(SPECIFICITY, abs=0.01)
    assert figures["auc"] > 0.95 and figures["auc_without"] < 0.6
    # what is there in rooms 0, 7, 14 ... is turned into its contrary: a judge that never saw them must fail there
    turned = [Cases(c.evidence, c.attention, ~c.there) if row % 7 == 0 else c for row, c in enumerate(found)]
    assert tried(turned, 0)[1]["auc"] < 0.05


def test_a_room_is_recorded_once(tmp_path) -> None:
    path = tmp_path / "room.npz"
    made = ShownRoom.of(2600, path)
    read = ShownRoom.of(-1, path)  # there is no such room: it must come from the file
    for name, value in vars(made).items():
        np.testing.assert_array_equal(getattr(read, name), value)
    assert len(made.coords) == len(made.inputs) > 1000 and made.shown.sum() > 1000


def test_rooms_are_asked_with_phrases_that_the_text_side_has_not_learnt() -> None:
    drawn, learnt = drawn_phrases(np.random.default_rng(0)), {phrase.text for phrase in bank("train")}
    assert not learnt & {phrase.text for phrase in drawn}
    kinds = {(phrase.class_name, phrase.kind) for phrase in drawn}
    assert kinds == {(name, kind) for name in CLASS_NAMES for kind in ("explicit", "implicit")} | {(None, "absent")}
