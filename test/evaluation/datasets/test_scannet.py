"""ScanNet as it is downloaded: superpoints, instances by id or place, classes, axis alignment, frames."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import TURN, furnished, write_class_tables, write_mesh, write_scannet
from PIL import Image

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.classes import read_scannet200
from mllm_for3d_ros.evaluation.datasets.scannet import open_frames, read_scannet

NAME = "scene0001_00"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_scannet(tmp_path / "scans" / NAME, furnished())
    return tmp_path / "scans" / NAME


def test_points_superpoints_and_alignment(folder: Path) -> None:
    scene, truth = read_scannet(folder), furnished()
    assert scene.scene_id == NAME and (scene.semantic == -1).all()
    np.testing.assert_array_equal(scene.points, truth.points)
    np.testing.assert_array_equal(scene.colors, truth.colors)
    assert scene.superpoints is not None
    np.testing.assert_array_equal(scene.superpoints, np.unique(truth.segment, return_inverse=True)[1])
    np.testing.assert_array_equal(scene.axis_alignment, TURN)


def test_a_scan_without_alignment_is_taken_as_it_is(tmp_path: Path) -> None:
    write_scannet(tmp_path / NAME, furnished(), aligned=False)
    np.testing.assert_array_equal(read_scannet(tmp_path / NAME).axis_alignment, np.eye(4))
    (tmp_path / NAME / f"{NAME}.txt").write_text("colorHeight = 968\n")
    np.testing.assert_array_equal(read_scannet(tmp_path / NAME).axis_alignment, np.eye(4))


def test_instances_by_id_and_by_place(folder: Path) -> None:
    truth = furnished()
    by_id, by_place = read_scannet(folder).instance, read_scannet(folder, by_position=True).instance
    # The table is annotated as 1 and 2: the later id has it; of the places the second is left out.
    for thing, number, place in ((0, 0, 0), (1, 2, 1), (2, 3, 2), (3, 4, 3)):
        np.testing.assert_array_equal(by_id == number, truth.of(thing))
        np.testing.assert_array_equal(by_place == place, truth.of(thing))
    assert (by_id[truth.owner < 0] == -1).all() and 1 not in by_id


def test_classes_are_places_in_the_list_and_take_in_all_raw_labels_of_a_category(folder: Path) -> None:
    write_class_tables(folder.parent)
    tables = folder.parent / "scannetv2-labels.combined.tsv", folder.parent / "scannet200_constants.py"
    scene, truth = read_scannet(folder, read_scannet200(*tables)), furnished()
    np.testing.assert_array_equal(scene.semantic == 1, truth.of(0, 2))  # both kinds of chair
    np.testing.assert_array_equal(scene.semantic == 2, truth.of(1))
    assert (scene.semantic[truth.of(3)] == -1).all()  # its category is none of the benchmark


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda f: (f / f"{NAME}_vh_clean_2.ply").unlink(), "cannot be read"),
        (lambda f: (f / f"{NAME}.aggregation.json").write_text("{"), "no readable JSON"),
        (lambda f: (f / f"{NAME}.aggregation.json").write_text("[]"), "segGroups"),
        (lambda f: (f / f"{NAME}.aggregation.json").write_text('{"segGroups": [{"segments": [1]}]}'), "'id'"),
        (lambda f: (f / f"{NAME}.aggregation.json").write_text('{"segGroups": [{"id": 1}]}'), "'segments'"),
        (lambda f: (f / f"{NAME}_vh_clean_2.0.010000.segs.json").unlink(), "is missing"),
        (lambda f: (f / f"{NAME}_vh_clean_2.0.010000.segs.json").write_text('{"segIndices": [1, 2]}'), "2 entries"),
        (lambda f: (f / f"{NAME}_vh_clean_2.0.010000.segs.json").write_text('{"segIndices": ["a"]}'), "segIndices"),
        (lambda f: (f / f"{NAME}.txt").write_text("axisAlignment = 1 0 0"), "16 numbers"),
        (lambda f: (f / f"{NAME}.txt").write_text("axisAlignment = " + "2 " * 16), "no rigid transform"),
        (lambda f: (f / f"{NAME}.txt").write_text("axisAlignment = " + "nan " * 16), "no rigid transform"),
    ],
)
def test_damaged_scenes_give_one_line(folder: Path, damage: Callable[[Path], object], reason: str) -> None:
    damage(folder)
    with pytest.raises(DatasetError, match=reason) as raised:
        read_scannet(folder)
    assert "\n" not in str(raised.value) and str(folder) in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("scannet200_constants.py", "VALID_CLASS_IDS_20 = (1, 2)", "VALID_CLASS_IDS_200"),
        ("scannet200_constants.py", "VALID_CLASS_IDS_200 = open('x')", "VALID_CLASS_IDS_200"),
        ("scannet200_constants.py", "VALID_CLASS_IDS_200 = (1, 1)", "different numbers"),
        ("scannet200_constants.py", "VALID_CLASS_IDS_200 = (", "VALID_CLASS_IDS_200"),
        ("scannetv2-labels.combined.tsv", "name\tid\nchair\t2\n", "raw_category"),
        ("scannetv2-labels.combined.tsv", "raw_category\tid\nchair\ttwo\n", "raw_category"),
    ],
)
def test_damaged_class_tables_give_one_line(tmp_path: Path, name: str, content: str, reason: str) -> None:
    write_class_tables(tmp_path)
    (tmp_path / name).write_text(content)
    with pytest.raises(DatasetError, match=reason) as raised:
        read_scannet200(tmp_path / "scannetv2-labels.combined.tsv", tmp_path / "scannet200_constants.py")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("home", ["scans", "frames"])
def test_frames_lie_beside_the_mesh_or_apart(folder: Path, home: str) -> None:
    data = folder.parents[1]
    for part in ("color", "depth", "pose", "intrinsic"):
        (data / home / NAME / part).mkdir(parents=True)
    root = data / home / NAME
    Image.fromarray(np.full((12, 16, 3), 60, np.uint8)).save(root / "color/0.jpg")
    Image.fromarray(np.full((6, 8), 1500, np.uint16)).save(root / "depth/0.png")
    np.savetxt(root / "pose/0.txt", np.eye(4))
    for part in ("depth", "color"):
        np.savetxt(root / f"intrinsic/intrinsic_{part}.txt", np.diag([9.0, 9, 1, 1]))
    (frame,) = open_frames(data, NAME)
    assert frame.color.shape == (6, 8, 3) and np.allclose(frame.depth, 1.5)
    with pytest.raises(DatasetError, match="scans/other/color"):
        open_frames(data, "other")


def test_a_mesh_of_another_release_is_noticed(folder: Path) -> None:
    truth = furnished()
    write_mesh(folder / f"{NAME}_vh_clean_2.ply", truth.points[:-1], truth.colors[:-1])
    with pytest.raises(DatasetError, match="take both of one release"):
        read_scannet(folder)
