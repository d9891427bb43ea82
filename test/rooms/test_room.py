"""Rooms: determinism, no interpenetration, room for a robot, balance of the classes."""

from collections import Counter
from functools import lru_cache

import numpy as np
import pytest

from mllm_for3d_ros.rooms.arrange import obstacles
from mllm_for3d_ros.rooms.placement import floor_grid, overlaps
from mllm_for3d_ros.rooms.room import Room, make_room
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES

SEEDS = range(30)


@lru_cache(maxsize=64)
def room_of(seed: int) -> Room:
    return make_room(seed)


def test_same_seed_gives_the_same_room():
    one, two = make_room(7), make_room(7)
    assert [(o.class_name, o.yaw, o.position) for o in one.objects] == [
        (o.class_name, o.yaw, o.position) for o in two.objects
    ]
    assert (one.rooms, one.doorways, one.lights, one.look) == (two.rooms, two.doorways, two.lights, two.look)
    for a, b in zip(one.objects, two.objects, strict=True):
        for p, q in zip(a.world_parts, b.world_parts, strict=True):
            assert np.array_equal(p.vertices, q.vertices) and p.material == q.material


def test_different_seeds_differ():
    assert len({(room_of(s).width, room_of(s).depth) for s in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_interpenetrates_and_all_is_inside(seed):
    room = room_of(seed)
    solid = [thing for thing in room.objects if thing.furniture.mount != "carpet"]
    for k, thing in enumerate(solid):
        for other in solid[:k]:
            if other.instance_id == thing.support:
                continue
            assert not overlaps(thing.footprint, other.footprint), (thing.class_name, other.class_name)
    for thing in room.objects:
        x0, y0, x1, y1 = room.rooms[room.room_at(thing.box.mean(0, keepdims=True)[:, :2])[0]].bounds
        assert (thing.box[0, :2] >= np.array([x0, y0]) - 1e-3).all(), thing.class_name
        assert (thing.box[1, :2] <= np.array([x1, y1]) + 1e-3).all(), thing.class_name
        assert thing.box[0, 2] >= -1e-3 and thing.box[1, 2] <= room.height


@pytest.mark.parametrize("seed", SEEDS)
def test_a_robot_can_drive_up_to_everything(seed):
    room = room_of(seed)
    grid = floor_grid(room.width, room.depth, [*room.solid, *obstacles(room.objects)])
    assert grid.main_area >= 0.8
    free = grid.centers[grid.main]
    for thing in room.objects:
        if thing.footprint.low < 0.6 and not thing.support:
            assert thing.footprint.distances(free).min() < 1.0, thing.class_name


def test_instance_ids_are_unique_and_positive():
    for seed in SEEDS:
        ids = [thing.instance_id for thing in room_of(seed).objects]
        assert ids == list(range(1, len(ids) + 1))


def test_dimensions_and_kinds():
    rooms = [room_of(seed) for seed in SEEDS]
    assert len({room.kind for room in rooms}) >= 5
    single = [room for room in rooms if len(room.rooms) == 1]
    assert all(3 <= room.width <= 7 and 3 <= room.depth <= 7 and 2.4 <= room.height <= 3 for room in single)


def test_doors_are_usual_and_contents_vary():
    present = Counter(name for seed in SEEDS for name in room_of(seed).classes)
    assert present["door"] >= 0.7 * len(SEEDS)
    assert set(present) == set(CLASS_NAMES)
    single = [room_of(seed) for seed in SEEDS if len(room_of(seed).rooms) == 1]
    assert 8 <= np.mean([len(room.classes) for room in single]) <= 16


def test_clutter_has_no_class():
    clutter = [thing for seed in SEEDS for thing in room_of(seed).objects if thing.class_name.startswith("clutter:")]
    assert clutter and all(thing.class_index == -1 for thing in clutter)
