"""The supervised twin's scenes: the same map and phrases, the truth as labels."""

from dataclasses import replace

import numpy as np
import pytest

from mllm_for3d_ros.errors import TrainingError
from mllm_for3d_ros.evaluation.mapped_room import map_room
from mllm_for3d_ros.evaluation.twin_scenes import make_twin_scene, owners
from mllm_for3d_ros.rooms.instructions import bank
from mllm_for3d_ros.student import scene_store
from mllm_for3d_ros.student.voxels import STUDENT_VOXEL


@pytest.fixture(scope="module", autouse=True)
def short_recordings():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scene_store, "FRAMES", 6)
        yield


def test_a_turned_map_has_the_truth_of_its_room():
    room = scene_store.record_room(5001, bank("train"))
    owner = owners(room)
    assert (owner >= 0).mean() > 0.99
    truth = room.recording.ground_truth(STUDENT_VOXEL)
    here = room.voxels.points @ room.turn[:3, :3]  # back into the frame of the room
    for instance in np.unique(truth.instance_id[truth.instance_id > 0]):
        if (owner == instance).sum() > 30:
            centre = (truth.keys[truth.instance_id == instance] + 0.5).mean(0) * STUDENT_VOXEL
            assert np.abs(here[owner == instance].mean(0) - centre).max() < 0.1


def test_labels_are_the_voxels_of_what_is_asked_for(tmp_path):
    phrases = bank("train")
    scene = make_twin_scene(5000, phrases)
    seen = map_room(5000, frames=6).seen
    for row, label, presence in zip(scene.phrases, scene.labels, scene.presence, strict=True):
        assert set(np.unique(label)) <= {0, 254, scene_store.UNSEEN}
        if presence == 1:
            assert (label == 254).any()
        if presence == 0:
            assert not (label == 254).any()
        assert (presence == 1) <= (phrases[row].class_name in seen)
    assert (scene.presence == 1).sum() >= 3 and (scene.presence == 0).sum() >= 3
    assert scene.features.shape == (len(scene.coords), 0) and not scene.queries.any()
    sibling = replace(scene, texts=scene.texts[::-1].copy(), phrases=scene.phrases[::-1].copy())
    sibling.save(tmp_path / "scene.npz")
    assert make_twin_scene(5000, phrases, tmp_path / "scene.npz").texts.tolist() == sibling.texts.tolist()
    with pytest.raises(TrainingError, match="another version of the rooms"):
        make_twin_scene(5001, phrases, tmp_path / "scene.npz")
