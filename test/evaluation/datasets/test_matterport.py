"""Regions of Matterport3D: triangles vote for the category of a vertex."""

from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import furnished, write_mesh, write_region

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.matterport import read_matterport, region_file, vertex_categories


def test_vertices_have_the_category_of_most_triangles_and_the_lowest_of_a_tie() -> None:
    corners = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3]])
    assert vertex_categories(corners, np.array([9, 4, 9]), 6).tolist() == [9, 4, 9, 4, 0, 0]
    assert vertex_categories(corners, np.array([-1, -1, 5]), 4).tolist() == [0, 0, 0, 0]
    assert vertex_categories(np.zeros((0, 3), int), np.zeros(0, int), 2).tolist() == [0, 0]


def test_a_region_is_labelled_with_raw_categories(tmp_path: Path) -> None:
    truth = furnished()
    write_region(tmp_path / "region3.ply", truth)
    scene = read_matterport(tmp_path / "region3.ply", "abc_region3")
    np.testing.assert_array_equal(scene.semantic == 5, truth.of(0, 2))
    np.testing.assert_array_equal(scene.semantic == 6, truth.of(1))
    assert (scene.semantic[truth.of(3)] == 0).all() and (scene.instance == -1).all()


def test_names_of_regions() -> None:
    assert region_file("17DRP5sb8fy_region12") == "scans/17DRP5sb8fy/region_segmentations/region12.ply"
    for wrong in ("17DRP5sb8fy", "_region3", "x_region", "x_regiona"):
        with pytest.raises(DatasetError, match="names no region"):
            region_file(wrong)


def test_meshes_without_categories_or_with_strange_triangles(tmp_path: Path) -> None:
    truth = furnished()
    write_mesh(tmp_path / "plain.ply", truth.points, truth.colors)
    with pytest.raises(DatasetError, match="category_id"):
        read_matterport(tmp_path / "plain.ply", "a_region0")
    write_mesh(tmp_path / "odd.ply", truth.points, truth.colors, np.array([[0, 1, 10**6]]), np.array([4]))
    with pytest.raises(DatasetError, match="triangles of vertices"):
        read_matterport(tmp_path / "odd.ply", "a_region0")
