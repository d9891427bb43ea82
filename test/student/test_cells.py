"""Cells of a map: their numbering, and what a change touches."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from changing_map import ChangingMap

from mllm_for3d_ros.student.cells import Cells
from mllm_for3d_ros.student.key_table import unpack

NOTHING = np.zeros(0, np.int64)


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


def test_halves_beside_each_other_make_the_same_cells():
    world = ChangingMap()
    world.sheet((0, 0, 0), size=60)
    cloud, alone, shared = world.cloud(), Cells(), Cells()
    expected = alone.update(cloud, NOTHING)
    with ThreadPoolExecutor(1) as beside:
        found = shared.renew(cloud, shared.place(cloud, NOTHING, beside), beside)
    np.testing.assert_array_equal(found.voxels, expected.voxels)
    np.testing.assert_array_equal(shared.means, alone.means)
    np.testing.assert_array_equal(shared.inputs(found.voxels), alone.inputs(found.voxels))
    assert shared.floor == alone.floor
