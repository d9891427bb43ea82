"""Keys to rows, and numbers each once."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numba import njit

from mllm_for3d_ros.student.key_table import OPTIONS, KeyTable, counting_order, distinct, find, pack, unpack

NUMBERS = st.lists(st.integers(-(2**31), 2**31 - 1), max_size=40)


@given(NUMBERS)
def test_numbers_come_once_and_rising(numbers):
    found = distinct(np.array(numbers, np.int32))
    assert found.dtype == np.int64
    assert found.tolist() == sorted(set(numbers))


@given(NUMBERS)
def test_a_key_keeps_its_row(numbers):
    table, keys = KeyTable(), np.array(numbers, np.int64)
    rows = table.find_or_add(keys)
    np.testing.assert_array_equal(table.keys[rows], keys)
    np.testing.assert_array_equal(table.find_or_add(keys), rows)
    assert len(table) == 1 + len(set(numbers))


CELLS = st.lists(st.tuples(*[st.integers(-40, 40)] * 3), max_size=60)


@njit(**OPTIONS)
def rows_of(keys, index):
    return [find(key, index) for key in keys]


@given(CELLS, CELLS)
def test_what_was_added_is_found_and_nothing_else(added, asked):
    table = KeyTable()
    added, asked = (pack(np.array(cells, np.int32).reshape(-1, 3)) for cells in (added, asked))
    rows = dict(zip(added.tolist(), table.find_or_add(added).tolist(), strict=True))
    keys = np.concatenate([added, asked, [pack(np.array([[99, 0, 0]]))[0]]])
    assert rows_of(keys, table.index) == [rows.get(key, 0) for key in keys.tolist()]


@given(CELLS)
def test_tile_by_tile_the_cells_of_a_tile_get_rows_that_follow_each_other(cells):
    table, keys = KeyTable(), pack(np.array(cells, np.int32).reshape(-1, 3))
    rows = table.find_or_add(keys, tile_by_tile=True)
    np.testing.assert_array_equal(table.keys[rows], keys)
    tiles = [tuple(cell >> 3) for cell in unpack(table.keys[1 : len(table)])]
    assert sum(a != b for a, b in itertools.pairwise(tiles)) == max(len(set(tiles)) - 1, 0)


def test_there_is_room_for_many_tiles_and_many_cells():
    table, cells = KeyTable(), np.stack(np.meshgrid(*[np.arange(0, 90, 3)] * 3), -1).reshape(-1, 3)
    keys = pack(cells)
    np.testing.assert_array_equal(table.find_or_add(keys), np.arange(1, len(keys) + 1))
    np.testing.assert_array_equal(table.find_or_add(keys[::-1]), np.arange(len(keys), 0, -1))


@given(st.lists(st.integers(0, 9), max_size=60))
def test_counting_sorts_as_a_stable_sort(numbers):
    numbers = np.array(numbers, np.int32)
    np.testing.assert_array_equal(counting_order(numbers, 10), np.argsort(numbers, kind="stable"))


def test_cells_survive_packing():
    cells = np.array([[0, 0, 0], [-1, 5, 1 << 19], [-(1 << 19), -7, 3]], np.int32)
    np.testing.assert_array_equal(unpack(pack(cells)), cells)
