"""Cells of a map: their numbering, and what a change touches."""

import numpy as np
from changing_map import ChangingMap
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.student.cell_kernels import counting_order
from mllm_for3d_ros.student.cells import Cells
from mllm_for3d_ros.student.key_table import unpack

NOTHING = np.zeros(0, np.int64)


@given(st.lists(st.integers(0, 9), max_size=60))
def test_counting_sorts_as_a_stable_sort(numbers):
    numbers = np.array(numbers, np.int32)
    np.testing.assert_array_equal(counting_order(numbers, 10), np.argsort(numbers, kind="stable"))


def test_cells_of_a_tile_get_rows_that_follow_each_other():
    world, cells = ChangingMap(), Cells()
    world.sheet((-13, 5, 3), size=50)
    order = np.random.default_rng(0).permutation(len(world.cloud()))
    cloud = world.cloud()
    for values in (cloud.points, cloud.colors, cloud.normals, cloud.weights):
        values[:] = values[order]
    cells.update(cloud, NOTHING)
    tiles = unpack(cells.table.keys[1 : len(cells)]) >> 3
    changes = int((np.diff(tiles, axis=0) != 0).any(1).sum())
    assert changes == len(np.unique(tiles, axis=0)) - 1 > 10


def test_of_a_few_rows_only_their_cells_are_touched():
    world, cells = ChangingMap(), Cells()
    world.sheet((0, 0, 0), size=60)
    cells.update(world.cloud(), NOTHING)
    cloud = world.cloud()
    rows = np.array([3, 700])
    cloud.colors[rows] ^= 255
    change = cells.update(cloud, rows)
    np.testing.assert_array_equal(change.voxels, np.unique(cells.cell_of[rows]))
    assert len(change.moved) == 0


def test_many_and_few_touched_cells_are_the_same_cells():
    world, cells = ChangingMap(), Cells()
    world.sheet((0, 0, 0), size=60)
    cells.update(world.cloud(), NOTHING)
    few, many = cells.cell_of[:5], cells.cell_of[: len(world.cloud())]
    np.testing.assert_array_equal(cells._distinct(few, few), np.unique(few))
    np.testing.assert_array_equal(cells._distinct(few, many), np.unique(many))
