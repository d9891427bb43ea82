"""``export``: what the layouts hold is what the store holds."""

import json
import shutil

import numpy as np
import pytest
from label_support import label, wall_bag

from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.evaluation.datasets.benchmarks import Instruct3D, Reason3D
from mllm_for3d_ros.lifting.label_store import LabelStore
from mllm_for3d_ros.teachers.cache.rle import decode

TEXTS = ("the red thing", "a blue thing", "red again")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    label([wall_bag(folder / "wall")], folder, TEXTS)
    return folder / "out"


def export(labelled, form, to, *arguments):
    assert cli.main(["export", str(labelled), "--format", form, "--out", str(to), *arguments]) == 0


def mask_of(labelled, text):
    return np.nan_to_num(LabelStore.open(labelled / "wall").read(text).label.probability) >= 0.5


@pytest.mark.parametrize("split", ["train", "val"])
def test_instruct3d_reads_back_as_the_same_masks(tmp_path, labelled, split):
    export(labelled, "instruct3d", tmp_path, "--split", split)
    benchmark = Instruct3D(tmp_path, split)
    assert [query.text for query in benchmark.queries] == list(TEXTS)
    for query in benchmark.queries:
        found = np.isin(benchmark.scene(query).instance, query.targets)
        np.testing.assert_array_equal(found, mask_of(labelled, query.text))


def test_reason3d_reads_back_as_the_same_masks_without_those_that_find_nothing(tmp_path, labelled):
    export(labelled, "reason3d", tmp_path)
    benchmark = Reason3D(tmp_path, "train")
    assert [query.text for query in benchmark.queries] == ["the red thing", "red again"]
    for query in benchmark.queries:
        found = np.isin(benchmark.scene(query).semantic, query.targets)
        np.testing.assert_array_equal(found, mask_of(labelled, query.text))


def test_coco_has_the_masks_of_the_views(tmp_path, labelled):
    export(labelled, "coco", tmp_path)
    said = json.loads((tmp_path / "annotations" / "train.json").read_text())
    store = LabelStore.open(labelled / "wall")
    assert [row["name"] for row in said["categories"]] == list(TEXTS)
    assert {row["category_id"] for row in said["annotations"]} == {1, 3}
    assert all((tmp_path / "images" / row["file_name"]).is_file() for row in said["images"])
    first = said["annotations"][0]
    mask = decode(first["segmentation"]["counts"], *first["segmentation"]["size"])
    assert mask.sum() == first["area"] == 22 * 22 and first["bbox"][2:] == [22, 22]
    assert first["omega"] == store.records("the red thing")[0].weight


def test_ply_has_a_file_a_label(tmp_path, labelled):
    export(labelled, "ply", tmp_path)
    index = json.loads((tmp_path / "wall" / "index.json").read_text())
    assert [row["instruction"] for row in index] == list(TEXTS)
    content = (tmp_path / "wall" / index[0]["file"]).read_bytes()
    assert b"property float probability" in content[:400]


def test_a_folder_without_labels_is_named(tmp_path, capsys):
    assert cli.main(["export", str(tmp_path), "--format", "ply", "--out", str(tmp_path / "to")]) == 2
    assert "holds no label store" in capsys.readouterr().err


def test_a_store_is_written_once_and_two_of_one_name_are_refused(tmp_path, labelled, capsys):
    arguments = ["--format", "ply", "--out", str(tmp_path / "again")]
    assert cli.main(["export", str(labelled), str(labelled / "wall"), *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("3 annotations of 1 scenes")
    shutil.copytree(labelled / "wall", tmp_path / "other" / "wall")
    assert cli.main(["export", str(labelled), str(tmp_path / "other"), *arguments]) == 2
    assert "have the same name" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["reason3d", "instruct3d", "ply", "coco"])
def test_a_file_in_the_place_of_the_folder_is_told(tmp_path, labelled, capsys, form):
    (tmp_path / "to").touch()
    assert cli.main(["export", str(labelled), "--format", form, "--out", str(tmp_path / "to")]) == 2
    assert "the labels cannot be written to" in capsys.readouterr().err
