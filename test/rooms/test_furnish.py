"""Small things: on what they rest, where they go, and that they touch it."""

from collections import Counter

import numpy as np
import pytest

from mllm_for3d_ros.rooms.arrange import Arranger
from mllm_for3d_ros.rooms.contents import ROOM_KINDS, draw_contents
from mllm_for3d_ros.rooms.furnish import add_clutter, furnish
from mllm_for3d_ros.rooms.furniture import build_furniture
from mllm_for3d_ros.rooms.mesh import rotation_z
from mllm_for3d_ros.rooms.objects import PlacedObject
from mllm_for3d_ros.rooms.placement import overlaps
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES

KINDS = [(kind, seed) for kind in ROOM_KINDS for seed in range(4)]


def furnished(kind: str, seed: int) -> list[PlacedObject]:
    rng = np.random.default_rng([3, seed])
    arranger = Arranger(5.0, 4.6, 2.6, rng)
    furnish(arranger, draw_contents(kind, rng), rng)
    add_clutter(arranger, rng)
    return arranger.placed


def lowest_gap(thing: PlacedObject, support: PlacedObject) -> float:
    """Least vertical distance from the box of ``thing`` down to the surface of ``support``."""
    half, steps = np.asarray(thing.footprint.half), np.linspace(-0.98, 0.98, 9)
    corners = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2) * half
    world = corners @ thing.footprint.axes + np.asarray(thing.footprint.center) - np.asarray(support.position)[:2]
    below = support.top.under(world @ rotation_z(support.yaw)[:2, :2])
    return float(thing.box[0, 2] - support.position[2] - below.max())


@pytest.mark.parametrize(("kind", "seed"), KINDS)
def test_things_on_furniture_touch_it_and_nothing_else(kind, seed):
    placed = furnished(kind, seed)
    for thing in placed:
        if thing.support:
            support = placed[thing.support - 1]
            assert -0.005 < lowest_gap(thing, support) < 0.032, (thing.class_name, support.class_name)
            low, high = support.box[:, :2]
            assert ((thing.box[:, :2] >= low - 0.02) & (thing.box[:, :2] <= high + 0.02)).all()
            others = [o for o in placed if o.support == thing.support and o is not thing]
            assert not any(overlaps(thing.footprint, other.footprint) for other in others)


def test_small_things_are_on_furniture():
    resting = Counter()
    total = Counter()
    for kind, seed in KINDS:
        for thing in furnished(kind, seed):
            total[thing.class_name] += 1
            resting[thing.class_name] += thing.support > 0
    for name in ("cup", "laptop", "microwave"):
        assert total[name] >= 4 and resting[name] == total[name], name
    assert resting["cushion"] > 0 and resting["bottle"] > 0
    assert not any(resting[name] for name in ("sofa", "bicycle", "guitar", "coat_rack", "dresser"))


def test_a_cushion_goes_onto_the_seat_not_the_back():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        arranger = Arranger(5.0, 5.0, 2.6, rng)
        assert arranger.add(build_furniture("sofa", rng))
        sofa = arranger.placed[0]
        if arranger.add_on_top(build_furniture("cushion", rng), sofa, snug=True, facing=0.0):
            assert 0.3 < arranger.placed[1].position[2] < 0.55


def test_rooms_have_a_moderate_number_of_classes():
    rng = np.random.default_rng(0)
    drawn = {kind: [draw_contents(kind, rng) for _ in range(60)] for kind in ROOM_KINDS}
    for contents in drawn.values():
        sizes = [len(content) for content in contents]
        assert min(sizes) >= 8 and max(sizes) <= 16
    everything = [content for contents in drawn.values() for content in contents]
    assert {name for content in everything for name in content} == set(CLASS_NAMES)
    assert all(max(content.get(name, 0) for content in everything) >= 3 for name in ("chair", "cup", "bottle", "box"))
