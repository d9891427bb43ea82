"""Rules pick what everybody would pick, and give no verdict where people would differ."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.rooms.furniture_base import Furniture
from mllm_for3d_ros.rooms.mesh import Material, box
from mllm_for3d_ros.rooms.objects import PlacedObject
from mllm_for3d_ros.rooms.placement import Footprint
from mllm_for3d_ros.rooms.relations import distance, select
from mllm_for3d_ros.rooms.room import Look, Room
from mllm_for3d_ros.rooms.rules import Rule
from mllm_for3d_ros.rooms.seen_things import SeenThings
from mllm_for3d_ros.rooms.shell import SubRoom

RED, BLUE, MAROON = (0.72, 0.12, 0.12), (0.12, 0.25, 0.6), (0.3, 0.12, 0.13)
GREY = Material((0.5, 0.5, 0.5))


def put(number, name, x, y, z=0.0, size=(0.5, 0.5, 0.9), color=RED, support=0):
    furniture = Furniture(name, (box(size, Material(color)),), size, "floor", False)
    return PlacedObject(number, name, furniture, 0.0, (x, y, z), support)


def scene(*things, voxels=None):
    room = SubRoom("studio", (0.0, 0.0), 8.0, 8.0, 2.5, GREY, GREY, (GREY,) * 4)
    look = Look(0.4, 1.0, (1.0, 1.0, 1.0), 0.0, 1.0)
    seen = {thing.instance_id: 500 for thing in things} | (voxels or {})
    return SeenThings(
        Room(0, "studio", 8.0, 8.0, 2.5, (room,), (), things, (), look), {k: v for k, v in seen.items() if v}
    )


def ids(things):
    return None if things is None else tuple(thing.instance_id for thing in things)


def chosen(rule, name, *things, **more):
    return ids(select(rule, name, scene(*things, **more)))


def test_colors_are_picked_only_if_nobody_could_differ():
    red, blue = put(1, "chair", 0, 0), put(2, "chair", 2, 0, color=BLUE)
    assert chosen(Rule("color", color="red"), "chair", red, blue) == (1,)
    assert chosen(Rule("color", color="green"), "chair", red, blue) == ()
    doubtful = put(3, "chair", 3, 0, color=MAROON)
    assert chosen(Rule("color", color="red"), "chair", red, blue, doubtful) is None
    assert chosen(Rule("color", color="red"), "chair", blue, doubtful) is None
    assert chosen(Rule("color", color="red"), "picture", put(1, "picture", 0, 0)) is None


def test_a_color_is_not_absent_if_only_an_unseen_thing_has_it():
    assert chosen(Rule("color", color="red"), "chair", put(1, "chair", 0, 0), put(2, "chair", 2, 0, color=BLUE),
                  voxels={1: 0}) is None  # fmt: skip


def test_sizes_need_a_margin():
    small, large = put(1, "table", 0, 0, size=(0.6, 0.6, 0.5)), put(2, "table", 3, 0, size=(1.4, 0.8, 0.75))
    assert chosen(Rule("largest"), "table", small, large) == (2,)
    assert chosen(Rule("smallest"), "table", small, large) == (1,)
    assert chosen(Rule("tallest"), "table", small, large) == (2,)
    same = put(3, "table", 0, 3, size=(1.35, 0.8, 0.7))
    assert chosen(Rule("largest"), "table", small, large, same) is None
    assert chosen(Rule("tallest"), "table", small, large, same) is None
    raised = put(4, "table", 0, -3, z=0.7, size=(0.2, 0.2, 0.2))
    assert chosen(Rule("tallest"), "table", small, large, raised) is None
    assert chosen(Rule("largest"), "table", large) is None


def test_nearest_and_farthest_need_a_margin_and_one_anchor():
    window, near, far = put(1, "window", 0, 3.5), put(2, "chair", 0, 2), put(3, "chair", 0, -2)
    assert chosen(Rule("nearest", anchor="window"), "chair", window, near, far) == (2,)
    assert chosen(Rule("farthest", anchor="window"), "chair", window, near, far) == (3,)
    rival = put(4, "chair", 1.0, 2)
    assert chosen(Rule("nearest", anchor="window"), "chair", window, near, far, rival) is None
    assert chosen(Rule("nearest", anchor="window"), "chair", window, near, far, put(5, "window", 3, 0)) is None
    assert chosen(Rule("nearest", anchor="window"), "chair", near, far) is None


def test_a_rival_that_is_hardly_seen_makes_doubt():
    window, near, far = put(1, "window", 0, 3.5), put(2, "chair", 0, 2), put(3, "chair", 0, -2)
    assert chosen(Rule("nearest", anchor="window"), "chair", window, near, far, voxels={2: 5}) is None
    assert chosen(Rule("farthest", anchor="window"), "chair", window, near, far, voxels={2: 5}) == (3,)


def test_on_means_resting_on():
    table = put(1, "table", 0, 0, size=(1.2, 0.8, 0.75))
    on, beside = (
        put(2, "cup", 0.2, 0, z=0.75, size=(0.1, 0.1, 0.1), support=1),
        put(3, "cup", 2, 2, size=(0.1, 0.1, 0.1)),
    )
    assert chosen(Rule("on", anchor="table"), "cup", table, on, beside) == (2,)
    assert chosen(Rule("on", anchor="table"), "cup", table, beside) == ()
    under = put(4, "cup", 0.1, 0.1, size=(0.1, 0.1, 0.1))
    assert chosen(Rule("on", anchor="table"), "cup", table, under) is None
    assert chosen(Rule("on", anchor="table"), "cup", table, on, under) is None
    assert chosen(Rule("on", anchor="table"), "cup", beside) is None


@pytest.mark.parametrize("turn", [0.0, 1.0, 2.5, -2.0])
def test_left_and_right_turn_with_the_onlooker(turn):
    c, s = np.cos(turn), np.sin(turn)

    def at(number, name, x, y):
        return put(number, name, c * x - s * y, s * x + c * y)

    door, bed = at(1, "door", 0, -3), at(2, "bed", 0, 0)
    left, right = at(3, "plant", -1.5, 0.1), at(4, "plant", 1.5, 0.0)
    things = (door, bed, left, right)
    assert chosen(Rule("left_of", anchor="bed", viewpoint="door"), "plant", *things) == (3,)
    assert chosen(Rule("right_of", anchor="bed", viewpoint="door"), "plant", *things) == (4,)
    behind = at(5, "plant", 0.05, 2.5)
    assert chosen(Rule("left_of", anchor="bed", viewpoint="door"), "plant", *things, behind) is None


@given(st.tuples(*[st.floats(-3, 3)] * 6))
def test_distance_is_symmetric_and_zero_only_where_plans_overlap(numbers):
    x, y, a, u, v, b = numbers
    one, two = Footprint((x, y), (0.6, 0.3), a, 0.0, 1.0), Footprint((u, v), (0.4, 0.7), b, 2.0, 3.0)
    apart = distance(one, two)
    assert apart == pytest.approx(distance(two, one))
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 25), np.linspace(-1, 1, 25)), -1).reshape(-1, 2)
    points = (grid * one.half) @ one.axes + np.asarray(one.center)
    assert apart <= two.distances(points).min() + 1e-6 and apart >= two.distances(points).min() - 0.06
