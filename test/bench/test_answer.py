"""The flats and updates that ``bench.answer`` measures."""

import numpy as np
import pytest
from changing_map import lively_network

from bench.answer import ROOM, VOXEL, Updated, changed_map, flat
from mllm_for3d_ros.scene.voxel_map import voxel_keys
from mllm_for3d_ros.student.encoding import SceneEncoder


def test_a_flat_has_equal_rooms_and_no_voxel_twice():
    one, four = flat(0, rooms_wide=1), flat(0, rooms_wide=2)
    assert len(four) == 4 * len(one)
    assert len(np.unique(voxel_keys(four.points, VOXEL), axis=0)) == len(four)
    assert np.abs(four.points[:, :2]).max() <= ROOM


def test_a_flat_has_about_as_many_voxels_as_asked_for():
    assert len(flat(500_000)) == pytest.approx(500_000, rel=0.2)


def test_a_change_is_seen_again_in_the_middle_and_finds_a_box():
    before = flat(0, rooms_wide=2)
    after, seen = changed_map(before)
    assert len(after) == len(before) + 8000
    differs = (after.colors[: len(before)] != before.colors).any(1)
    np.testing.assert_array_equal(np.flatnonzero(differs), seen)
    assert np.abs(before.points[seen, :2]).max() < 1.5


def test_an_update_is_there_and_back():
    one = Updated(SceneEncoder(lively_network()).encode, flat(0, rooms_wide=1))
    for kind in ("update", "compared"):
        one.step(kind)
    figures = one.figures("small")
    assert len(one.costs["update"]) == 2 and len(one.scene.cloud) == len(one.before)
    assert figures["update_ms_small"] > 0 and figures["compared_cpu_ms_small"] > 0
