"""Paths: free of collisions, smooth, robot-like, and they see the room."""

import numpy as np
import pytest

from mllm_for3d_ros.rooms.arrange import obstacles
from mllm_for3d_ros.rooms.path import camera_pose, random_views, robot_path, seen_well
from mllm_for3d_ros.rooms.render import Renderer
from mllm_for3d_ros.rooms.room import make_room


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 22])
def test_tour_keeps_clear_and_sees_the_objects(seed):
    room = make_room(seed)
    renderer = Renderer(room)
    poses = robot_path(room, 60, np.random.default_rng(seed), renderer)
    assert poses.shape == (60, 4, 4) and poses.dtype == np.float64
    xy = poses[:, :2, 3]
    assert (np.abs(xy) <= np.array([room.width, room.depth]) / 2 - 0.3).all()
    for obstacle in (*room.solid, *obstacles(room.objects)):
        assert obstacle.distances(xy).min() >= 0.3
    assert (poses[:, 2, 3] >= 1.0).all() and (poses[:, 2, 3] <= 1.6).all()
    pitch = np.degrees(-np.arcsin(poses[:, 2, 2]))
    assert (pitch >= 4.9).all() and (pitch <= 25.1).all()
    assert np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1).max() < 0.6
    turning = np.einsum("nij,nij->n", poses[1:, :3, :3], poses[:-1, :3, :3])
    assert np.degrees(np.arccos((turning - 1) / 2)).max() < 30
    counts = seen_well(poses, renderer)
    assert np.mean([counts.get(thing.instance_id, 0) >= 2 for thing in room.labelled]) >= 0.85


def test_tour_of_an_apartment_spends_time_in_every_room():
    room = make_room(22)
    poses = robot_path(room, 60, np.random.default_rng(0))
    assert len(room.rooms) == 3
    assert np.bincount(room.room_at(poses[:, :2, 3]), minlength=3).min() >= 6


def test_tour_is_reproducible():
    room = make_room(5)
    one = robot_path(room, 12, np.random.default_rng(1))
    assert np.array_equal(one, robot_path(room, 12, np.random.default_rng(1)))


def test_random_views_show_most_objects():
    room = make_room(6)
    renderer = Renderer(room)
    poses = random_views(room, 60, np.random.default_rng(2), renderer)
    assert poses.shape == (60, 4, 4)
    counts = seen_well(poses, renderer)
    assert np.mean([counts.get(thing.instance_id, 0) >= 1 for thing in room.labelled]) >= 0.85


def test_camera_looks_where_it_is_told():
    pose = camera_pose(np.array([1.0, 2.0, 1.5]), np.pi / 2, np.radians(10))
    assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3)) and np.isclose(np.linalg.det(pose[:3, :3]), 1)
    assert np.allclose(pose[:3, 2], [0, np.cos(np.radians(10)), -np.sin(np.radians(10))])
    assert np.allclose(pose[:3, 0], [1, 0, 0]) and pose[2, 1] < 0
