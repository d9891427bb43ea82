"""Superpoints of voxels, tile by tile."""

import numpy as np
from changing_map import ChangingMap

from mllm_for3d_ros.student.cells import Cells
from mllm_for3d_ros.student.grids import GridTree
from mllm_for3d_ros.student.key_table import unpack
from mllm_for3d_ros.student.pieces import KEPT, TILE_LEVEL, Pieces, Smoothing, pieces_of


def segmented_sheet() -> tuple[Cells, Pieces, np.ndarray]:
    """Cells and pieces of a sheet of several tiles, and the voxels that were segmented."""
    world = ChangingMap()
    world.sheet((40, -30, 0), size=60)
    cells, tree, pieces = Cells(), GridTree(TILE_LEVEL + 1), Pieces()
    change = cells.update(world.cloud(), np.zeros(0, np.int64))
    tree.update(cells.table, cells.kept, change.voxels)
    reached = pieces.reached(cells, tree, change.voxels)
    return cells, pieces, pieces.segment(cells, tree.neighbours(0), reached)


def test_the_mean_over_each_piece_takes_the_place_of_its_values():
    values = np.array([0.2, 0.4, 0.5, 0.2], np.float32)
    np.testing.assert_allclose(Smoothing(np.array([7, 7, 3, 3]))(values), [0.3, 0.3, 0.35, 0.35])


def test_voxels_among_other_values_are_smoothed_where_they_are():
    values = np.array([0.9, 0.2, 0.7, 0.4], np.float32)
    smooth = Smoothing(np.array([5, 5]), np.array([1, 3]))
    np.testing.assert_allclose(smooth(values), [0.9, 0.3, 0.7, 0.3])
    np.testing.assert_allclose(values, [0.9, 0.2, 0.7, 0.4])


def test_a_small_thing_on_a_large_piece_does_not_drown_in_it():
    table_with_cup = np.zeros(200, np.float32)
    table_with_cup[:4] = 0.9
    smooth = Smoothing(np.zeros(200, int))(table_with_cup)
    np.testing.assert_allclose(smooth[:4], KEPT * 0.9, rtol=1e-6)
    np.testing.assert_allclose(smooth[4:], 4 * 0.9 / 200, rtol=1e-6)


def test_a_piece_lies_in_one_tile_and_is_named_by_a_voxel_of_its_own():
    cells, pieces, written = segmented_sheet()
    np.testing.assert_array_equal(written, np.flatnonzero(cells.kept))
    of = pieces.of[written]
    np.testing.assert_array_equal(pieces.of[of], of)
    tiles = unpack(cells.table.keys) >> TILE_LEVEL
    np.testing.assert_array_equal(tiles[written], tiles[of])
    assert 1 < len(np.unique(of)) < len(of) / 4


def test_a_scene_that_is_given_as_voxels_has_the_same_pieces():
    cells, pieces, rows = segmented_sheet()
    shuffled = np.random.default_rng(0).permutation(rows)
    found = pieces_of(unpack(cells.table.keys[shuffled]), cells.inputs(shuffled))
    np.testing.assert_array_equal(shuffled[found], pieces.of[shuffled])
