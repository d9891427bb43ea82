"""Grids above the cells: who touches whom, and who is in whom."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.student.grids import GridTree
from mllm_for3d_ros.student.key_table import KeyTable, pack, unpack

STEPS = np.array(list(itertools.product((-1, 0, 1), repeat=3)))
CELLS = st.lists(st.tuples(*[st.integers(-12, 12)] * 3), min_size=1, max_size=40)


def touching(table: KeyTable) -> list[list[int]]:
    """Rows that touch each row of ``table`` under the 27 steps, 0 for none, by looking at all of them."""
    cells = [tuple(cell) for cell in unpack(table.keys[1 : len(table)]).tolist()]
    row_of = {cell: row for row, cell in enumerate(cells, 1)}
    return [[row_of.get(tuple(cell + step), 0) for step in STEPS] for cell in np.array(cells)]


@given(st.lists(CELLS, min_size=1, max_size=3))
def test_neighbours_of_a_growing_table_are_those_that_touch(groups):
    table, tree = KeyTable(), GridTree(1)
    for cells in groups:
        table.find_or_add(pack(np.array(cells, np.int32)))
        tree.connect(table)
    tree.update(table, np.ones(len(table.keys), bool), np.arange(1, len(table)))
    found = tree.neighbours(0)
    assert found[1 : len(table)].tolist() == touching(table)
    assert not found[0].any() and not found[len(table) :].any()


@given(CELLS)
def test_a_parent_holds_its_children_by_octant(cells):
    table, tree = KeyTable(), GridTree(2)
    rows = np.unique(table.find_or_add(pack(np.array(cells, np.int32))))
    tree.update(table, np.ones(len(table.keys), bool), rows.astype(np.int64))
    coarse = tree.grids[0]
    for row in rows:
        (cell,), parent = unpack(table.keys[row : row + 1]), tree.parents[0][row]
        octant = 4 * (cell[0] & 1) + 2 * (cell[1] & 1) + (cell[2] & 1)
        assert coarse.children[parent, octant] == row and coarse.alive[parent]
    assert np.count_nonzero(coarse.children) == len(rows)
