"""Each benchmark finds its files and means its target numbers as its authors do."""

import json
from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import (
    REGION,
    ROOM,
    SCAN,
    TURN,
    furnished,
    write_instruct3d,
    write_intent3d,
    write_json,
    write_mesh,
    write_reason3d,
    write_scannet,
)

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.benchmarks import BENCHMARKS, Instruct3D, Intent3D, Reason3D


@pytest.mark.parametrize("prepared", [True, False])
def test_reason3d_asks_for_classes(tmp_path: Path, prepared: bool) -> None:
    truth = furnished()
    write_reason3d(tmp_path, truth, prepared)
    benchmark = Reason3D(tmp_path)
    seats, plates, rest, swim = benchmark.queries
    assert (seats.scene_id, seats.kind, seats.targets, seats.source) == (SCAN, "class", (1,), "scannet")
    assert (rest.scene_id, rest.source, plates.targets) == (REGION, "mp3d", (2,))
    scan, region = benchmark.scene(seats), benchmark.scene(rest)
    np.testing.assert_array_equal(scan.target_mask(seats), truth.of(0, 2))  # both chairs, and not instance 1
    np.testing.assert_array_equal(scan.target_mask(plates), truth.of(1))
    np.testing.assert_array_equal(region.target_mask(rest), truth.of(0, 2))
    assert not region.target_mask(swim).any()


def test_prepared_scans_are_put_back_where_their_mesh_is(tmp_path: Path) -> None:
    truth = furnished()
    write_reason3d(tmp_path, truth)
    seats = Reason3D(tmp_path).queries[0]
    assert np.abs(Reason3D(tmp_path).scene(seats).points.mean(0)).max() < 1e-3
    write_scannet(tmp_path / "scannetv2/scans" / SCAN, truth)
    np.testing.assert_array_equal(Reason3D(tmp_path).scene(seats).points, truth.points)
    mesh = tmp_path / f"scannetv2/scans/{SCAN}/{SCAN}_vh_clean_2.ply"
    write_mesh(mesh, truth.points[:9], truth.colors[:9])
    with pytest.raises(DatasetError, match="9 vertices"):
        Reason3D(tmp_path).scene(seats)


def test_instruct3d_asks_for_instances_and_for_nothing(tmp_path: Path) -> None:
    truth = furnished()
    write_instruct3d(tmp_path, truth)
    benchmark = Instruct3D(tmp_path)
    seats, top, elephant = benchmark.queries
    scene = benchmark.scene(seats)
    assert scene.scene_id == ROOM and elephant.targets == ()
    np.testing.assert_array_equal(scene.target_mask(seats), truth.of(0, 2))
    np.testing.assert_array_equal(scene.target_mask(top), np.isin(truth.segment, truth.segments_of(1)[1:]))
    assert not scene.target_mask(elephant).any()


def test_intent3d_asks_for_boxes_along_the_walls(tmp_path: Path) -> None:
    truth = furnished()
    write_intent3d(tmp_path, truth)
    benchmark = Intent3D(tmp_path)
    plate, sit = benchmark.queries
    scene = benchmark.scene(plate)
    np.testing.assert_array_equal(scene.target_mask(plate), truth.of(1))
    np.testing.assert_array_equal(scene.target_mask(sit), truth.of(0, 2))
    turned = truth.points @ TURN[:3, :3].T + TURN[:3, 3]
    expected = [[turned[truth.of(k)].min(0), turned[truth.of(k)].max(0)] for k in (0, 2)]
    np.testing.assert_allclose(scene.target_boxes(sit), expected, atol=1e-5)


def test_other_places_of_the_files(tmp_path: Path) -> None:
    write_json(tmp_path / "reason3d_train.json", [])
    write_json(tmp_path / "instruct3d/instruct3D_train.json", [])
    write_json(tmp_path / "intention_sentence/train_samples_dict_vg_format_clean_duplicate.json", [])
    for kind in BENCHMARKS.values():
        assert kind(tmp_path, "train").queries == ()
        with pytest.raises(DatasetError, match=r"as docs/datasets\.md says"):
            kind(tmp_path, "val")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scene_id": "../../etc"}, "no name of a scene"),
        ({"scene_id": None}, "'scene_id'"),
        ({"question": ""}, "'question'"),
        ({"object_id": -100}, "'object_id'"),
        ({"object_id": True}, "'object_id'"),
        ({"object_id": 1.5}, "'object_id'"),
        ({"object_id": "seven"}, "'object_id'"),
        ({"object_id": 10**12}, "'object_id'"),
        ({"type": "kitti"}, "'kitti'"),
    ],
)
def test_malformed_annotations_give_one_line(tmp_path: Path, change: dict, reason: str) -> None:
    good = {"scene_id": SCAN, "object_id": 1, "object_name": "x", "question": "a?", "type": "scannet"}
    write_json(tmp_path / "reason3d_val.json", [good, good | change])
    with pytest.raises(DatasetError, match=reason) as raised:
        Reason3D(tmp_path)
    assert "\n" not in str(raised.value) and "reason3d_val.json[1]" in str(raised.value)


@pytest.mark.parametrize("content", ["", "{", '{"a": 1}', "[1, 2]", "[" * 100_000])
def test_files_that_hold_no_annotations(tmp_path: Path, content: str) -> None:
    (tmp_path / "instruct3D_val.json").write_text(content)
    with pytest.raises(DatasetError, match=r"instruct3D_val\.json"):
        Instruct3D(tmp_path)


def test_missing_scenes_name_what_is_missing(tmp_path: Path) -> None:
    truth = furnished()
    write_reason3d(tmp_path, truth, prepared=False)
    benchmark = Reason3D(tmp_path)
    (tmp_path / "scannetv2/scannet200_constants.py").unlink()
    with pytest.raises(DatasetError, match=r"scannet200_constants\.py"):
        benchmark.scene(benchmark.queries[0])
    (tmp_path / "matterport/scans/abcd/region_segmentations/region3.ply").unlink()
    with pytest.raises(DatasetError, match=r"region3\.ply"):
        benchmark.scene(benchmark.queries[2])
    write_json(tmp_path / "instruct3D_val.json", [{"scene_id": "zz", "object_id": [], "description": "a"}])
    with pytest.raises(DatasetError, match="data/zz"):
        Instruct3D(tmp_path).scene(Instruct3D(tmp_path).queries[0])
    assert json.loads((tmp_path / "instruct3D_val.json").read_text())
