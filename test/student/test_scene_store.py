"""Training scenes on disk: what is written is read, also by later versions."""

from dataclasses import replace

import numpy as np
import pytest
from student_scene import toy_scene

from mllm_for3d_ros.errors import TrainingError
from mllm_for3d_ros.student.mapped_arrays import map_arrays
from mllm_for3d_ros.student.scene_files import SceneFiles, prefetch
from mllm_for3d_ros.student.scene_store import UNSEEN, TrainingScene, as_bytes

BANK = ("red", "green", "nothing")


def test_what_is_saved_is_loaded(tmp_path):
    scene = toy_scene()
    scene = replace(
        scene,
        confidence=np.full_like(scene.labels, 200),
        texts=np.array(["röd", "g", "a longer one"]),
        tags=np.array([1, 0, np.nan], np.float32),
    )
    scene.save(tmp_path / "scene.npz")
    loaded = TrainingScene.load(tmp_path / "scene.npz")
    for name, array in vars(scene).items():
        np.testing.assert_array_equal(getattr(loaded, name), array)
        assert getattr(loaded, name).dtype == array.dtype


def test_files_of_earlier_versions_trust_all_voxels_alike(tmp_path):
    toy_scene().save(tmp_path / "scene.npz")
    with np.load(tmp_path / "scene.npz") as stored:
        assert not {"confidence", "texts"} & set(stored)
    loaded = TrainingScene.load(tmp_path / "scene.npz")
    assert loaded.confidence is None and loaded.texts is None


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "scene.npz").write_bytes(content)
    with pytest.raises(TrainingError, match=r"scene\.npz is no training scene .* make it again"):
        TrainingScene.load(tmp_path / "scene.npz")


def test_compressed_arrays_cannot_be_mapped(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=np.arange(3))
    with pytest.raises(ValueError, match=r"compressed; write it with np\.savez"):
        map_arrays(tmp_path / "a.npz")


def test_mapped_arrays_are_those_that_were_written(tmp_path):
    arrays = {
        "empty": np.zeros((0, 3), np.int16),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "one": np.array(7),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    for name, array in map_arrays(tmp_path / "a.npz").items():
        np.testing.assert_array_equal(array, arrays[name])
        assert array.shape == arrays[name].shape and not array.flags.writeable


def test_scenes_share_one_table_of_texts(tmp_path):
    toy_scene().save(tmp_path / "old.npz")
    replace(toy_scene(1), texts=np.array(["green", "blue", "red"])).save(tmp_path / "new.npz")
    scenes = SceneFiles([tmp_path / "old.npz", tmp_path / "new.npz"], BANK)
    assert scenes.texts == ("red", "green", "nothing", "blue")
    assert [scene.phrases.tolist() for scene in scenes] == [[0, 1, 2], [1, 3, 0]]
    assert [[scenes.texts[row] for row in scene.phrases] == scene.texts.tolist() for scene in scenes] == [True, True]


def test_rows_beyond_the_bank_are_refused(tmp_path):
    toy_scene().save(tmp_path / "old.npz")
    with pytest.raises(TrainingError, match="phrases that the bank lacks"):
        SceneFiles([tmp_path / "old.npz"], BANK[:2])


def test_work_done_ahead_comes_in_order_and_its_errors_too():
    assert list(prefetch(lambda i: i * i, range(7))) == [0, 1, 4, 9, 16, 25, 36]
    made = prefetch(lambda i: 1 // (2 - i), range(5))
    assert [next(made), next(made)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(made)


def test_unknown_probabilities_are_not_zero():
    assert as_bytes(np.array([np.nan, 0, 0.5, 1], np.float32)).tolist() == [UNSEEN, 0, 127, 254]
