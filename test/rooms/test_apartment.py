"""Apartments: rooms side by side, joined by doorways that stay free and let light and cameras through."""

from functools import lru_cache

import numpy as np
import pytest

from mllm_for3d_ros.rooms.apartment import draw_apartment, is_apartment
from mllm_for3d_ros.rooms.arrange import robot_floor
from mllm_for3d_ros.rooms.path import SCOUT, camera_pose
from mllm_for3d_ros.rooms.placement import Footprint, overlaps
from mllm_for3d_ros.rooms.render import Renderer
from mllm_for3d_ros.rooms.room import Room, make_room
from mllm_for3d_ros.rooms.shell import WALL_THICKNESS

SEEDS = [seed for seed in range(60) if is_apartment(seed)][:6]


@lru_cache(maxsize=8)
def room_of(seed: int) -> Room:
    return make_room(seed)


def test_one_scene_in_six_is_an_apartment():
    assert 0.14 < np.mean([is_apartment(seed) for seed in range(3000)]) < 0.19
    assert all((make_room(seed).kind == "apartment") == is_apartment(seed) for seed in range(6))


@pytest.mark.parametrize("seed", range(40))
def test_plans_hold_together(seed):
    plan = draw_apartment(np.random.default_rng(seed))
    assert 2 <= len(plan.plots) <= 3 and len({plot.kind for plot in plan.plots}) == len(plan.plots)
    assert len(plan.openings) == len(plan.plots) - 1
    grown = [
        Footprint(p.center, (p.width / 2 + WALL_THICKNESS / 2 - 1e-6, p.depth / 2 + WALL_THICKNESS / 2 - 1e-6), 0, 0, 1)
        for p in plan.plots
    ]
    assert not any(overlaps(a, b) for k, a in enumerate(grown) for b in grown[:k])
    for opening in plan.openings:
        assert 0.9 <= opening.width <= 1.1
        half = (opening.width / 2, 0.1) if opening.runs_along_x else (0.1, opening.width / 2)
        way = Footprint(opening.center, half, 0, 0, 1)
        assert [k for k, plot in enumerate(grown) if overlaps(way, plot)] == sorted(opening.plots)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_robot_can_get_into_every_room_and_no_door_is_blocked(seed):
    room = room_of(seed)
    grid = robot_floor(room.width, room.depth, room.objects, room.solid)
    inside = np.bincount(room.room_at(grid.centers[grid.main]), minlength=len(room.rooms))
    assert inside.min() > 20
    for doorway in room.doorways:
        x0, y0, x1, y1 = doorway.bounds
        way = Footprint(doorway.center, ((x1 - x0) / 2, (y1 - y0) / 2), 0.0, 0.1, 1.9).grown(0.02)
        assert not any(overlaps(way, thing.footprint) for thing in room.objects)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_sees_through_doorways_and_not_through_walls(seed):
    room = room_of(seed)
    renderer = Renderer(room)
    for doorway in room.doorways:
        yaw = np.pi / 2 if doorway.runs_along_x else 0.0
        _, depth = renderer.instances(camera_pose(np.array([*doorway.center, 1.95]), yaw, 0.0), SCOUT)
        assert np.median(depth) > 0.8
        beside = np.array(doorway.center) - 0.5 * np.array([np.cos(yaw), np.sin(yaw)])
        view = camera_pose(np.array([*beside, doorway.height + 0.2]), yaw, 0.0)
        _, depth = renderer.instances(view, SCOUT)
        assert depth[SCOUT.height // 2, SCOUT.width // 2] == pytest.approx(0.5 - WALL_THICKNESS / 2, abs=0.03)


def test_every_room_is_lit_from_its_own_ceiling():
    for seed in SEEDS:
        room = room_of(seed)
        shining = [light for light in room.lights if light.shadows]
        homes = room.room_at(np.array([light.position[:2] for light in shining]))
        assert set(homes) == set(range(len(room.rooms)))


def test_windows_never_hang_on_a_wall_with_a_room_behind():
    for seed in SEEDS:
        room = room_of(seed)
        for thing in room.objects:
            if thing.class_name == "window":
                home = room.room_at(np.array([thing.footprint.center]))[0]
                outwards = np.asarray(thing.footprint.center) - thing.footprint.axes[1] * 0.5
                for index, other in enumerate(room.rooms):
                    x0, y0, x1, y1 = other.bounds
                    assert index == home or not (x0 < outwards[0] < x1 and y0 < outwards[1] < y1)


def test_the_solid_part_and_the_free_floor_make_up_the_bounding_box():
    room = room_of(SEEDS[0])
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.5, 0.5, (2000, 2)) * (room.width, room.depth)
    solid = np.zeros(len(points), bool)
    for footprint in room.solid:
        solid |= footprint.distances(points) == 0
    free = np.zeros(len(points), bool)
    for x0, y0, x1, y1 in [one.bounds for one in (*room.rooms, *room.doorways)]:
        free |= (points > [x0, y0]).all(1) & (points < [x1, y1]).all(1)
    assert np.array_equal(solid, ~free)
