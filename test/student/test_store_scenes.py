"""Label stores as training scenes."""

from dataclasses import replace

import numpy as np
import pytest
from label_store_scene import TEXTS, toy_store
from student_scene import toy_cloud, toy_scene

from mllm_for3d_ros.errors import LabelStoreError, TrainingError
from mllm_for3d_ros.lifting.feature_file import read_features, write_features
from mllm_for3d_ros.lifting.label_store import LabelStore, Provenance
from mllm_for3d_ros.student.scene_store import UNSEEN, TrainingScene
from mllm_for3d_ros.student.store_scenes import convert, find_stores, kept_scenes, store_teachers
from mllm_for3d_ros.student.voxels import voxelise
from mllm_for3d_ros.types import PseudoLabel, SceneCloud


def test_labels_are_carried_to_the_voxels_of_the_student(tmp_path):
    scene = convert(toy_store(tmp_path))
    assert len(scene.coords) == len(toy_scene().coords)
    assert scene.texts.tolist() == list(TEXTS) and scene.presence.tolist() == [1, 1, 0]
    red = scene.inputs[:, 0] > 0
    unknown = scene.labels[0] == UNSEEN
    assert unknown.sum() == 5 and (scene.labels == UNSEEN).all(0).sum() == 5
    np.testing.assert_array_equal(scene.labels[0][~unknown] == 254, red[~unknown])
    np.testing.assert_array_equal(scene.labels[1][~unknown] == 254, ~red[~unknown])
    assert set(scene.confidence[:, ~unknown].ravel().tolist()) == {128} and not scene.confidence[:, unknown].any()
    assert scene.queries.shape == (3, 8) and not scene.queries[2].any()
    assert scene.features.shape == (len(scene.coords), 0) and not scene.seen.any()


def test_a_voxel_is_what_its_rows_are_on_average(tmp_path):
    points = np.array([[0.01, 0.01, 0.01], [0.04, 0.01, 0.01], [0.01, 0.04, 0.01]], np.float32)
    weights, stamps = np.array([1.0, 3.0, 5.0], np.float32), np.zeros(3, np.int64)
    cloud = SceneCloud(points, np.zeros((3, 3), np.uint8), np.zeros((3, 3), np.float32), weights, stamps, 0.025)
    store = LabelStore.create(tmp_path, cloud, [], Provenance("s", 1, "t"))
    probability, confidence = np.array([0, 1, np.nan], np.float32), np.array([1, 1, 0], np.float32)
    store.write(PseudoLabel("it", probability, confidence, None, np.zeros(0, np.float32), (), 1.0), [])
    scene = convert(store)
    assert scene.labels.tolist() == [[round(0.75 * 254)]] and scene.confidence.tolist() == [[round(4 / 9 * 255)]]


def test_lifted_features_come_along(tmp_path):
    store = toy_store(tmp_path)
    cloud = toy_cloud()
    features = cloud.points.astype(np.float32)
    seen = np.arange(len(cloud)) >= 8
    write_features(tmp_path, features, seen)
    scene = convert(store)
    voxels = voxelise(cloud)
    assert scene.seen.sum() == len(voxels) - 1
    np.testing.assert_allclose(scene.features[scene.seen], voxels.points[scene.seen], atol=2e-3)


def test_features_of_another_cloud_are_refused(tmp_path):
    write_features(tmp_path, np.zeros((3, 2)), np.ones(3))
    with pytest.raises(LabelStoreError, match="for 4 voxels; delete it"):
        read_features(tmp_path, 4)
    (tmp_path / "features.safetensors").write_bytes(b"no")
    with pytest.raises(LabelStoreError, match="cannot be read"):
        read_features(tmp_path, 3)


def test_a_store_is_converted_once_and_again_when_it_has_changed(tmp_path):
    store = toy_store(tmp_path / "store")
    (first,) = kept_scenes([store.folder], tmp_path / "cache")
    stamp = first.stat().st_mtime_ns
    assert kept_scenes([store.folder], tmp_path / "cache") == [first] and first.stat().st_mtime_ns == stamp
    old = store.read(TEXTS[0]).label
    values = (old.confidence, old.query, old.view_weights, old.dropped, 0.75)
    store.write(PseudoLabel(TEXTS[0], 1 - old.probability, *values), [])
    (second,) = kept_scenes([store.folder], tmp_path / "cache")
    assert second != first and 0.75 in TrainingScene.load(second).presence


def test_claims_are_settled_where_meanings_are_known(tmp_path):
    class Different:
        key = "different"

        def alike(self, texts):
            return np.eye(len(texts), dtype=bool)

    store = toy_store(tmp_path / "store")
    (plain,) = kept_scenes([store.folder], tmp_path / "cache")
    old = store.read(TEXTS[0]).label
    store.write(replace(old, instruction="a weaker claim", probability=0.4 * old.probability), [])
    (kept,) = kept_scenes([store.folder], tmp_path / "cache", Different())
    scene = TrainingScene.load(kept)
    assert kept != plain and kept.stem.endswith("_different")
    assert scene.presence[scene.texts.tolist().index("a weaker claim")] < 0.2
    assert scene.presence[0] == 1.0


def test_stores_are_found_below_folders(tmp_path):
    stores = [toy_store(tmp_path / name, name).folder for name in ("b", "a/deep")]
    assert find_stores([tmp_path]) == sorted(stores) and find_stores([stores[0], tmp_path]) == [stores[0], stores[1]]
    assert store_teachers(stores) == ["toy:teacher"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabelStoreError, match="mllm-for3d label"):
        find_stores([tmp_path / "empty"])


def test_stores_without_labels_are_left_out(tmp_path):
    empty = LabelStore.create(tmp_path / "empty", toy_cloud(), [], Provenance("s", 1, "t")).folder
    with pytest.raises(TrainingError, match="none of the 1 label stores has a label"):
        kept_scenes([empty], tmp_path / "cache")
    full = toy_store(tmp_path / "full").folder
    assert len(kept_scenes([empty, full], tmp_path / "cache")) == 1


def test_coarse_stores_are_refused(tmp_path):
    cloud = toy_cloud()
    coarse = SceneCloud(cloud.points, cloud.colors, cloud.normals, cloud.weights, cloud.last_seen_ns, 0.1)
    store = LabelStore.create(tmp_path, coarse, [], Provenance("s", 1, "t"))
    with pytest.raises(TrainingError, match=r"--voxel-size 0\.05"):
        convert(store)
