import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from student_support import box_cloud

from mllm_for3d_ros.nodes.support_plane import LevelVoxels
from mllm_for3d_ros.scene.instances import split_instances
from mllm_for3d_ros.types import Instance, SceneCloud


def cube_of(cloud: SceneCloud, color: tuple[int, int, int]) -> Instance:
    mask = (cloud.colors == color).all(axis=1)
    (one,) = split_instances(cloud.points, mask, mask.astype(np.float32), voxel_size=cloud.voxel_size)
    return one


RED, GREEN = (200, 0, 0), (0, 200, 0)


def test_what_stands_on_the_floor() -> None:
    cloud = box_cloud(((0.0, 0.0, 0.0), "red"))
    plane = LevelVoxels(cloud).plane_under(cube_of(cloud, RED))
    assert plane is not None
    np.testing.assert_allclose(plane, [0, 0, 1, 0.025], atol=1e-3)


def test_what_stands_on_something() -> None:
    cloud = box_cloud(((-0.4, -0.4, 0.0), "green"), ((-0.2, -0.2, 0.4), "red"))
    seen = (cloud.colors != GREEN).any(axis=1) | (cloud.points[:, 2] > 0.35)  # of the green one its top alone
    arrays = (getattr(cloud, name)[seen] for name in ("points", "colors", "normals", "weights", "last_seen_ns"))
    cloud = SceneCloud(*arrays, cloud.voxel_size)
    plane = LevelVoxels(cloud).plane_under(cube_of(cloud, RED))
    assert plane is not None and -plane[3] == pytest.approx(0.375, abs=0.01)


def test_what_hangs_has_none() -> None:
    cloud = box_cloud(((0.0, 0.0, 1.0), "red"))
    assert LevelVoxels(cloud).plane_under(cube_of(cloud, RED)) is None


def test_a_slope_is_no_support_and_a_tilted_floor_is() -> None:
    cloud = box_cloud(((0.0, 0.0, 0.0), "red"))
    red = cube_of(cloud, RED)
    for tilt, there in ((0.1, True), (0.6, False)):
        turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]], np.float32)
        points, normals = cloud.points.copy(), cloud.normals.copy()
        floor = (cloud.colors == 128).all(axis=1)
        points[floor] = points[floor] @ turn.T
        normals[floor] = normals[floor] @ turn.T
        tilted = SceneCloud(points, cloud.colors, normals, cloud.weights, cloud.last_seen_ns, cloud.voxel_size)
        plane = LevelVoxels(tilted).plane_under(red)
        assert (plane is not None) == there
        if plane is not None:
            np.testing.assert_allclose(np.abs(plane[1:3]), [np.sin(tilt), np.cos(tilt)], atol=0.05)


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-3, 3))
def test_the_plane_moves_with_the_map(x: float, y: float, z: float) -> None:
    cloud = box_cloud(((0.0, 0.0, 0.0), "red"))
    points = cloud.points + np.array([x, y, z], np.float32)
    moved = SceneCloud(points, cloud.colors, cloud.normals, cloud.weights, cloud.last_seen_ns, cloud.voxel_size)
    plane = LevelVoxels(moved).plane_under(cube_of(moved, RED))
    assert plane is not None and plane[3] == pytest.approx(0.025 - z, abs=2e-3)
