"""The stage of presence."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mllm_for3d_ros.presence_training import (
    SPECIFICITY,
    Cases,
    ShownRoom,
    drawn_phrases,
    judge_of,
    reading_of,
    tried,
)
from mllm_for3d_ros.rooms.instructions import bank
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.student.reading import Reading


def room(seed: int) -> Cases:
    """Three concepts, of which those are there whose second number is large; three phrases name one of them each.

    The first number tells nothing, nor does the third concept's tag.
    """
    rng = np.random.default_rng(seed)
    evidence = rng.normal(size=(3, 4)).astype(np.float32)
    tags = np.where(np.arange(3) == 2, np.nan, evidence[:, 1] > 0).astype(np.float32)
    concepts = np.array([0, 1, 2, 3])
    attention = 0.05 + 0.8 * np.eye(4, dtype=np.float32)
    return Cases(evidence, tags, attention, concepts)


def test_figures_are_of_rooms_that_the_judge_was_not_fitted_to() -> None:
    found = [room(seed) for seed in range(280)]
    threshold, figures = tried(found, 0)
    assert 0 < threshold < 1 and figures["specificity"] == pytest.approx(SPECIFICITY, abs=0.02)
    assert figures["auc"] > 0.95 and figures["auc_of_concepts"] > 0.95
    # what is there in rooms 0, 7, 14 ... is turned into its contrary: a judge that never saw them must fail there
    turned = [replace(c, tags=1 - c.tags) if row % 7 == 0 else c for row, c in enumerate(found)]
    assert tried(turned, 0)[1]["auc_of_concepts"] < 0.05


def test_what_a_phrase_means_is_told_by_its_class() -> None:
    made = room(1)
    np.testing.assert_array_equal(made.told, [*made.tags, 0])
    judge, reading = judge_of([made], 0), reading_of([made])
    by_concept = replace(made, attention=np.eye(4, dtype=np.float32)).presence(judge, Reading())
    assert by_concept[3] < 1e-9
    weights = reading(torch.from_numpy(made.attention))[:, :3].numpy()
    np.testing.assert_allclose(made.presence(judge, reading), weights @ by_concept[:3], rtol=1e-5)


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
