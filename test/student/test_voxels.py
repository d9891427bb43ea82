"""Student voxels: grouping of the map and the way back."""

import numpy as np
from student_scene import toy_cloud

from mllm_for3d_ros.student.voxels import STUDENT_VOXEL, voxelise
from mllm_for3d_ros.types import SceneCloud


def cloud(points, weights=None) -> SceneCloud:
    points = np.asarray(points, np.float32).reshape(-1, 3)
    n = len(points)
    weights = np.ones(n, np.float32) if weights is None else np.asarray(weights, np.float32)
    normals = np.tile(np.array([0, 0, 1], np.float32), (n, 1))
    return SceneCloud(points, np.full((n, 3), 255, np.uint8), normals, weights, np.zeros(n, np.int64), 0.025)


def test_eight_map_voxels_make_one_student_voxel():
    voxels = voxelise(toy_cloud())
    assert len(voxels) == len(toy_cloud()) // 8
    np.testing.assert_array_equal(np.floor(voxels.points / STUDENT_VOXEL).astype(int), voxels.coords)


def test_values_come_back_to_the_rows_they_came_from():
    source = toy_cloud()
    voxels = voxelise(source)
    spread = voxels.spread(voxels.coords[:, 0].astype(np.float32))
    np.testing.assert_array_equal(spread, np.floor(source.points[:, 0] / STUDENT_VOXEL))


def test_noise_is_left_out_and_answered_for_by_its_neighbour_if_near():
    voxels = voxelise(cloud([[0.01, 0, 0], [0.08, 0, 0], [3, 0, 0]], [5.0, 0.01, 0.01]))
    assert len(voxels) == 1
    assert voxels.spread(np.array([7.0])).tolist() == [7, 7, 0]


def test_height_is_measured_from_the_floor_of_the_cloud():
    low = voxelise(cloud([[0.1 * i, 0, -5.0] for i in range(60)] + [[0, 0, -4.0]]))
    assert low.inputs[:, 6].max() == np.float32(1.0)


def test_an_empty_map_has_no_voxels():
    assert len(voxelise(cloud(np.zeros((0, 3))))) == 0
