"""Keys to rows, and numbers each once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.student.key_table import KeyTable, distinct, pack, unpack

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


def test_cells_survive_packing():
    cells = np.array([[0, 0, 0], [-1, 5, 1 << 19], [-(1 << 19), -7, 3]], np.int32)
    np.testing.assert_array_equal(unpack(pack(cells)), cells)
