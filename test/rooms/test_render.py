"""Renderer: exact geometry, instance masks, noise of the depth camera."""

import numpy as np
import pytest

from mllm_for3d_ros.rooms.path import camera_pose, robot_path
from mllm_for3d_ros.rooms.recording import rooms_camera
from mllm_for3d_ros.rooms.render import Renderer
from mllm_for3d_ros.rooms.room import make_room
from mllm_for3d_ros.rooms.sensor import MAX_RANGE, MIN_RANGE, axial_sigma, noisy_depth

CAMERA = rooms_camera(160, 120)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(make_room(3))


@pytest.fixture(scope="module")
def poses(renderer) -> np.ndarray:
    return robot_path(renderer.room, 8, np.random.default_rng(0), renderer)


def world_points(depth: np.ndarray, pose: np.ndarray) -> np.ndarray:
    v, u = np.nonzero(depth > 0)
    z = depth[v, u].astype(np.float64)
    local = np.column_stack([(u - CAMERA.cx) / CAMERA.fx * z, (v - CAMERA.cy) / CAMERA.fy * z, z])
    return local @ pose[:3, :3].T + pose[:3, 3]


def test_background_lies_on_the_walls(renderer, poses):
    room = renderer.room
    for pose in poses:
        view = renderer.render(pose, CAMERA)
        points = world_points(np.where(view.instance == 0, view.clean_depth, 0), pose)
        off = np.min(
            [
                np.abs(np.abs(points[:, 0]) - room.width / 2),
                np.abs(np.abs(points[:, 1]) - room.depth / 2),
                np.abs(points[:, 2]),
                np.abs(points[:, 2] - room.height),
            ],
            axis=0,
        )
        assert off.max() < 1e-4


def test_instances_lie_in_their_boxes(renderer, poses):
    boxes = {thing.instance_id: thing.box for thing in renderer.room.objects}
    seen = set()
    for pose in poses:
        view = renderer.render(pose, CAMERA)
        assert view.instance.dtype == np.int32 and (view.clean_depth > 0).all()
        for one in np.unique(view.instance[view.instance > 0]):
            points = world_points(np.where(view.instance == one, view.clean_depth, 0), pose)
            assert (points >= boxes[one][0] - 1e-3).all() and (points <= boxes[one][1] + 1e-3).all()
            seen.add(int(one))
    assert len(seen) >= len(renderer.room.objects) / 2


def test_looking_at_the_ceiling_gives_its_distance(renderer):
    pose = camera_pose(np.array([0.0, 0.0, 1.9]), 0.0, np.radians(-89.9))
    _, depth = renderer.instances(pose, CAMERA)
    assert abs(float(depth[60, 80]) - (renderer.room.height - 1.9)) < 0.01


def test_same_generator_gives_the_same_view(renderer, poses):
    one = renderer.render(poses[0], CAMERA, np.random.default_rng(5))
    two = Renderer(make_room(3)).render(poses[0], CAMERA, np.random.default_rng(5))
    assert np.array_equal(one.color, two.color) and np.array_equal(one.depth, two.depth)
    other = renderer.render(poses[0], CAMERA, np.random.default_rng(6))
    assert not np.array_equal(one.depth, other.depth)


def test_images_are_lit_and_structured(renderer, poses):
    for pose in poses:
        color = renderer.render(pose, CAMERA).color
        assert 30 < color.mean() < 225 and color.std() > 5


def test_depth_noise_grows_as_published():
    rng = np.random.default_rng(0)
    color, ones = np.full((200, 200, 3), 0.5, np.float32), np.ones((200, 200), np.float32)
    for z in (0.8, 1.6, 3.0):
        depth = noisy_depth(np.full((200, 200), z, np.float32), color, ones, 0 * ones, rng)
        step = z * z / (43.0 * 16)
        expected = np.hypot(axial_sigma(np.array(z)), step / np.sqrt(12))
        assert abs(depth.mean() - z) < 0.2 * expected + 0.25 * step
        assert 0.7 * expected < depth.std() < 1.4 * expected


def test_holes_beside_edges_out_of_range_and_at_grazing_angles():
    rng = np.random.default_rng(0)
    color, ones = np.full((60, 60, 3), 0.5, np.float32), np.ones((60, 60), np.float32)
    clean = np.full((60, 60), 2.0, np.float32)
    clean[:, :30] = 1.0
    depth = noisy_depth(clean, color, ones, 0 * ones, rng)
    assert 0.3 < (depth[:, 30] == 0).mean() < 0.95
    assert (depth[:, 32:] > 0).all() and (depth[:, :30] > 0).all()
    for z in (0.5 * MIN_RANGE, 1.1 * MAX_RANGE):
        assert not noisy_depth(np.full((60, 60), z, np.float32), color, ones, 0 * ones, rng).any()
    grazing = noisy_depth(np.full((60, 60), 2.0, np.float32), color, 0.05 * ones, 0 * ones, rng)
    assert 0.3 < (grazing == 0).mean() < 0.9
