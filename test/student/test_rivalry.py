"""Claims of a scene's instructions settled among themselves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from claims import VOXELS, claim, scene

from mllm_for3d_ros.student.config import TrainConfig
from mllm_for3d_ros.student.from_stores import start_network
from mllm_for3d_ros.student.rivalry import Meaning, settled
from mllm_for3d_ros.student.scene_store import LABEL_SCALE, UNSEEN


def test_a_weaker_claim_to_the_same_place_is_given_up():
    box, suitcase = claim(0, 20, 0.9), claim(0, 20, 0.5)
    after = settled(scene(box, suitcase), np.eye(2, dtype=bool))
    assert after.presence[0] == 1.0 and after.presence[1] < 0.25
    assert (after.labels[0][:20] > 220).all() and (after.labels[1] < 20).all()


def test_things_apart_keep_what_they_have():
    before = scene(claim(0, 20, 0.9), claim(20, 40, 0.7))
    after = settled(before, np.eye(2, dtype=bool))
    np.testing.assert_array_equal(after.labels, before.labels)
    assert (after.presence == 1.0).all()


def test_what_means_the_same_is_no_rival():
    before = scene(claim(0, 20, 0.9), claim(0, 20, 0.5))
    after = settled(before, np.ones((2, 2), bool))
    np.testing.assert_array_equal(after.labels[0], before.labels[0])
    assert after.presence[1] == pytest.approx(0.5 / 0.6, abs=0.01)


def test_a_faint_claim_is_not_there():
    after = settled(scene(claim(0, 20, 0.15)), np.eye(1, dtype=bool))
    assert after.presence[0] == pytest.approx(0.25, abs=0.01)
    assert after.labels[0].max() <= round(0.15 * 0.5 * LABEL_SCALE) + 1


def test_unknown_voxels_stay_unknown_and_claim_nothing():
    unknown = np.full(VOXELS, np.nan)
    after = settled(scene(claim(0, 20, 0.9), unknown), np.eye(2, dtype=bool))
    assert (after.labels[1] == UNSEEN).all() and after.presence[1] == 0.0 and after.presence[0] == 1.0


def test_a_scene_without_voxels_has_nothing():
    empty = scene(claim(0, 20, 0.9))
    empty = replace(empty, labels=empty.labels[:, :0])
    assert settled(empty, np.eye(1, dtype=bool)).presence.tolist() == [0.0]


def test_a_table_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"\[1, 1\]"):
        settled(scene(claim(0, 20, 0.9)), np.eye(2, dtype=bool))


def test_what_texts_mean_is_known_from_the_projector_of_the_start(encoder):
    network, _ = start_network(TrainConfig((Path("a"),)))
    meaning = Meaning(network.projector, encoder)
    texts = ["the sofa", "where is the couch?", "the suitcase", "a box"]
    alike = meaning.alike(texts)
    assert alike[0, 1] and not alike[0, 2] and not alike[2, 3]
    assert (alike == alike.T).all() and alike.diagonal().all()
    assert meaning.key == Meaning(network.projector, encoder).key
