"""ScanNet++: instances have the objectId, and shared vertices belong to the smallest thing."""

from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import furnished, write_scannetpp

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.scannetpp import read_scannetpp


def test_the_smallest_of_overlapping_things_has_the_vertex(tmp_path: Path) -> None:
    truth = furnished()
    write_scannetpp(tmp_path / "f8f12e4e6b", truth)
    scene = read_scannetpp(tmp_path / "f8f12e4e6b")
    top = np.isin(truth.segment, truth.segments_of(1)[1:])
    np.testing.assert_array_equal(scene.instance == 41, top)
    np.testing.assert_array_equal(scene.instance == 40, truth.of(1) & ~top)
    np.testing.assert_array_equal(scene.instance == 12, truth.of(0))
    np.testing.assert_array_equal(scene.instance == 7, truth.of(2))
    assert (scene.instance[truth.of(3)] == -1).all()


def test_an_annotation_without_object_ids(tmp_path: Path) -> None:
    write_scannetpp(tmp_path / "a", furnished())
    (tmp_path / "a/scans/segments_anno.json").write_text('{"segGroups": [{"id": 3, "segments": [0]}]}')
    with pytest.raises(DatasetError, match="'objectId'"):
        read_scannetpp(tmp_path / "a")
