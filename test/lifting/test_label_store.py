"""The label store: what is written is read, unfinished work is not seen, and strangers are refused."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from mllm_for3d_ros.errors import LabelStoreError
from mllm_for3d_ros.files import write_whole
from mllm_for3d_ros.lifting.label_store import LabelStore, Provenance, label_file
from mllm_for3d_ros.types import Frame, Intrinsics, PseudoLabel, SceneCloud

VIEWS = (0, 1)
FROM = Provenance("bags/kitchen", 10, "compact:1:0", {"views": 2})


def cloud(n: int = 5, shift: float = 0.0) -> SceneCloud:
    points = (np.arange(3 * n, dtype=np.float32).reshape(n, 3) + 0.5 + shift) * 0.025
    normals = np.tile(np.array([0, 0, 1], np.float32), (n, 1))
    return SceneCloud(points, np.full((n, 3), 7, np.uint8), normals, np.ones(n, np.float32), np.arange(n), 0.025)


def frames() -> list[Frame]:
    camera = Intrinsics(4, 3, 3.0, 3.0, 1.5, 1.0)
    blank = np.zeros((3, 4, 3), np.uint8), np.ones((3, 4), np.float32)
    return [Frame(stamp, *blank, camera, np.eye(4)) for stamp in (10, 20)]


def label(text: str = "the sofa", n: int = 5, query: bool = True) -> PseudoLabel:
    probability = np.linspace(0, 1, n, dtype=np.float32)
    probability[0] = np.nan
    q = np.arange(4, dtype=np.float32) if query else None
    return PseudoLabel(
        text, probability, np.full(n, 0.5, np.float32), q, np.array([1, 0], np.float32), (None, "too small"), 0.75
    )


def test_a_label_comes_back_as_it_was_written(tmp_path):
    store = LabelStore.create(tmp_path / "scene", cloud(), frames(), FROM)
    store.write(label(), VIEWS)
    store.write(label("nothing here", query=False), [1, 0])
    again = LabelStore.open(tmp_path / "scene")
    assert again.instructions == ("the sofa", "nothing here")
    assert again.provenance == FROM
    assert [view.stamp_ns for view in again.views] == [10, 20]
    (first, asked), (second, others) = ((stored.label, stored.views) for stored in again.labels())
    assert (asked, others) == ((0, 1), (1, 0))
    np.testing.assert_allclose(first.probability, label().probability, atol=1e-3)
    assert np.isnan(first.probability[0]) and first.dropped == (None, "too small") and first.presence == 0.75
    np.testing.assert_array_equal(first.query, np.arange(4))
    assert second.query is None
    np.testing.assert_array_equal(again.cloud().points, cloud().points)


def test_the_files_can_be_read_without_our_code(tmp_path):
    LabelStore.create(tmp_path, cloud(), frames(), FROM).write(label(), VIEWS)
    scene = json.loads((tmp_path / "scene.json").read_text())
    stored = load_file(tmp_path / scene["labels"][0]["file"])
    assert set(stored) == {"probability", "confidence", "view_weights", "query"}
    assert (tmp_path / "cloud.ply").read_bytes().startswith(b"ply\nformat binary_little_endian 1.0\nelement vertex 5\n")


def test_writing_again_replaces_the_label_and_gives_the_same_bytes(tmp_path):
    store = LabelStore.create(tmp_path, cloud(), frames(), FROM)
    store.write(label(), VIEWS)
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    LabelStore.create(tmp_path, cloud(), frames(), FROM).write(label(), VIEWS)
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_label_that_the_list_does_not_name_is_not_seen(tmp_path):
    store = LabelStore.create(tmp_path, cloud(), frames(), FROM)
    write_whole(tmp_path / label_file("the sofa"), b"half")
    assert LabelStore.open(tmp_path).instructions == ()
    store.write(label(), VIEWS)
    assert len(list(LabelStore.open(tmp_path).labels())) == 1


@pytest.mark.parametrize(
    ("again", "why"),
    [
        ((cloud(), frames(), Provenance("bags/hall", 10, "compact:1:0")), "provenance"),
        ((cloud(shift=1), frames(), FROM), "cloud"),
        ((cloud(), frames()[:1], FROM), "views"),
    ],
)
def test_a_store_of_another_scene_is_refused(tmp_path, again, why):
    LabelStore.create(tmp_path, cloud(), frames(), FROM)
    with pytest.raises(LabelStoreError, match=f"another {why}"):
        LabelStore.create(tmp_path, *again)


def test_labels_of_other_sizes_are_refused(tmp_path):
    store = LabelStore.create(tmp_path, cloud(), frames(), FROM)
    with pytest.raises(ValueError, match="5 voxels, the label 6"):
        store.write(label(n=6), VIEWS)
    for views in ([0], [0, 2], [-1, 0]):
        with pytest.raises(ValueError, match="2 view weights need as many of the 2 views"):
            store.write(label(), views)


def test_damage_and_unknown_versions_are_named(tmp_path):
    with pytest.raises(LabelStoreError, match="no label store"):
        LabelStore.open(tmp_path)
    store = LabelStore.create(tmp_path, cloud(), frames(), FROM)
    store.write(label(), VIEWS)
    with pytest.raises(LabelStoreError, match="no label for 'a bin'"):
        store.read("a bin")
    (tmp_path / label_file("the sofa")).write_bytes(b"half")
    with pytest.raises(LabelStoreError, match="cannot be read"):
        store.read("the sofa")
    scene = json.loads((tmp_path / "scene.json").read_text())
    (tmp_path / "scene.json").write_text(json.dumps(scene | {"version": 9}))
    with pytest.raises(LabelStoreError, match="version 9"):
        LabelStore.open(tmp_path)
