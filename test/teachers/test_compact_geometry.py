"""Depth and pose as the compact teacher sees them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.rooms.recording import rooms_camera
from mllm_for3d_ros.teachers.compact.geometry import GRID, depth_cells, geometry, geometry_of, mirrored
from mllm_for3d_ros.types import Frame

CAMERA = rooms_camera()


def level_pose(height: float, pitch: float, yaw: float) -> np.ndarray:
    """A camera at ``height`` m that looks down by ``pitch`` rad."""
    ahead = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])
    right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([right, np.cross(ahead, right), ahead])
    pose[:3, 3] = 1.0, -2.0, height
    return pose


def floor_depth(pose: np.ndarray) -> np.ndarray:
    """Depth image [H, W] of the plane z = 0, 0 beyond 6 m."""
    u, v = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, np.ones(u.shape)], -1)
    down = -(rays @ pose[:3, :3].T)[..., 2]
    depth = np.where(down > 1e-3, pose[2, 3] / np.maximum(down, 1e-3), 0)
    return np.where(depth < 6, depth, 0).astype(np.float32)


@given(height=st.floats(0.3, 2.0), pitch=st.floats(0.3, 1.2), yaw=st.floats(-3.1, 3.1))
def test_the_floor_is_level_and_at_height_zero_from_everywhere(height, pitch, yaw):
    pose = level_pose(height, pitch, yaw)
    known, depth, up, right_normal, up_normal, ahead_normal = geometry(
        depth_cells(floor_depth(pose))[None], CAMERA, pose[None]
    )[0]
    inner = np.zeros(GRID, bool)
    inner[1:-1, 1:-1] = True
    inner &= (known > 0) & (up_normal != 0) & (depth < 1)
    assert inner.sum() > 100
    assert np.abs(up[inner]).max() < 0.03
    assert up_normal[inner].min() > 0.95
    assert max(np.abs(right_normal[inner]).max(), np.abs(ahead_normal[inner]).max()) < 0.3


def test_a_wall_ahead_faces_the_viewer():
    shapes = geometry(np.full((1, *GRID), 2.0, np.float32), CAMERA, level_pose(1.0, 0.0, 0.7)[None])[0]
    np.testing.assert_allclose(shapes[5, 1:-1, 1:-1], -1.0, atol=1e-5)
    np.testing.assert_allclose(shapes[2, GRID[0] // 2], 1.0 / 1.5, atol=0.02)


def test_straight_down_is_no_special_case():
    shapes = geometry(np.full((1, *GRID), 1.5, np.float32), CAMERA, level_pose(1.5, np.pi / 2, 0.3)[None])[0]
    assert np.isfinite(shapes).all()
    np.testing.assert_allclose(shapes[4, 1:-1, 1:-1], 1.0, atol=1e-5)


def test_unknown_depth_says_nothing():
    depth = np.full((240, 320), 2.0, np.float32)
    depth[:120] = 0
    shapes = geometry(depth_cells(depth)[None], CAMERA, np.eye(4)[None])[0]
    assert not shapes[:, :30].any() and shapes[0, 30:].all()


@pytest.mark.parametrize("size", [(240, 320), (480, 640), (61, 83), (424, 512), (24, 32)])
def test_cells_are_means_of_the_valid_depths_at_any_size(size):
    depth = np.full(size, 3.0, np.float32)
    depth[::2, ::3] = 0
    cells = depth_cells(depth)
    assert cells.shape == GRID and (cells > 0).mean() > 0.3
    np.testing.assert_allclose(cells[cells > 0], 3.0)


def test_the_mirror_image_is_that_of_the_mirrored_scene():
    rng = np.random.default_rng(0)
    cells, pose = rng.uniform(1, 3, (1, *GRID)).astype(np.float32), level_pose(1.2, 0.4, 0.0)[None]
    flipped = geometry(cells[..., ::-1].copy(), CAMERA, pose)
    np.testing.assert_allclose(mirrored(geometry(cells, CAMERA, pose)), flipped, atol=1e-5)


def test_a_batch_is_its_views():
    frames = [
        Frame(0, np.zeros((240, 320, 3), np.uint8), np.full((240, 320), d, np.float32), CAMERA, level_pose(d, 0.2, d))
        for d in (1.0, 2.0)
    ]
    together = geometry_of(frames)
    assert together.shape == (2, 6, *GRID) and geometry_of([]).shape == (0, 6, *GRID)
    np.testing.assert_array_equal(together[1:], geometry_of(frames[1:]))
