"""A growing hash from grid cells to row numbers, and the packing of cells into keys.

Row 0 stands for "nothing": it is never given to a cell, so tables of rows may hold 0 where a cell is
missing, and arrays of features keep a row of zeros there.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mllm_for3d_ros.scene.voxel_storage import slot

BIAS = 1 << 20
"""Cells are packed as 21 bits an axis after this is added; half of it one level up, and so on."""
LIMIT = BIAS - 64
"""Cells must lie so far from the origin at most; the rest is room for neighbours on every level."""
_AT_ONCE = 4096
"""Keys that are looked up before there is made room for more."""
OPTIONS = {"cache": True, "nogil": True}
"""How the kernels of the incremental encoder are compiled."""


@njit(inline="always")
def find(key, table, mask, keys):  # type: ignore[no-untyped-def]
    """Row of ``key``, 0 if there is none."""
    h = slot(key, mask)
    while True:
        row = table[h]
        if row == 0 or keys[row] == key:
            return row
        h = (h + 1) & mask


@njit(**OPTIONS)
def _find_or_add(wanted, table, keys, count, rows):  # type: ignore[no-untyped-def]
    mask = np.int64(table.size - 1)
    for i in range(wanted.size):
        key = wanted[i]
        h = slot(key, mask)
        while table[h] != 0 and keys[table[h]] != key:
            h = (h + 1) & mask
        if table[h] == 0:
            table[h] = count
            keys[count] = key
            count += 1
        rows[i] = table[h]
    return count


@njit(**OPTIONS)
def _rehash(keys, count, table):  # type: ignore[no-untyped-def]
    mask = np.int64(table.size - 1)
    for row in range(1, count):
        h = slot(keys[row], mask)
        while table[h] != 0:
            h = (h + 1) & mask
        table[h] = row


@njit(**OPTIONS)
def named_once(rows, links, marks, stamp, out, count):  # type: ignore[no-untyped-def]
    """Append what ``links[rows]`` names (0 for nothing) to ``out``, each once; returns how many are in it."""
    for row in rows:
        for k in range(links.shape[1]):
            other = links[row, k]
            if other != 0 and marks[other] != stamp:
                marks[other] = stamp
                out[count] = other
                count += 1
    return count


class KeyTable:
    """Keys int64 to rows 1, 2, … in the order in which they came; no key ever leaves.

    keys: [capacity] int64 by row. table: [power of two] int32, see ``find``. count: rows in use, row 0 with them.
    """

    def __init__(self) -> None:
        self.keys = np.zeros(1024, np.int64)
        self.table = np.zeros(4096, np.int32)
        self.count = 1

    def __len__(self) -> int:
        return self.count

    @property
    def mask(self) -> int:
        """What a hash is cut down with."""
        return self.table.size - 1

    def find_or_add(self, wanted: np.ndarray) -> np.ndarray:
        """[K] int32 rows of ``wanted`` [K] int64; unknown keys get the next rows."""
        rows = np.empty(len(wanted), np.int32)
        for start in range(0, len(wanted), _AT_ONCE):  # room for what is new, not for all that is asked
            some = slice(start, start + _AT_ONCE)
            self._reserve(self.count + len(wanted[some]))
            self.count = _find_or_add(wanted[some], self.table, self.keys, self.count, rows[some])
        return rows

    def _reserve(self, size: int) -> None:
        if size > len(self.keys):
            self.keys = grown(self.keys, size)
            self.table = np.zeros(4 * len(self.keys), np.int32)
            _rehash(self.keys, self.count, self.table)


def grown(array: np.ndarray, size: int, fill: int = 0) -> np.ndarray:
    """``array``, or where it has fewer than ``size`` rows a copy with room for at least as many, ``fill`` where new."""
    if len(array) >= size:
        return array
    shape = (1 << (size - 1).bit_length(), *array.shape[1:])
    larger = np.full(shape, fill, array.dtype) if fill else np.zeros(shape, array.dtype)
    larger[: len(array)] = array
    return larger


def distinct(numbers: np.ndarray) -> np.ndarray:
    """[K] int64 of integers [N], each once, rising; ``np.unique`` hashes, which takes several times as long."""
    ordered = np.sort(numbers)
    first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first].astype(np.int64)


def pack(cells: np.ndarray) -> np.ndarray:
    """Keys [N] int64 of ``cells`` [N, 3] of the finest level."""
    biased = cells.astype(np.int64) + BIAS
    keys: np.ndarray = (biased[:, 0] << 42) | (biased[:, 1] << 21) | biased[:, 2]
    return keys


def unpack(keys: np.ndarray) -> np.ndarray:
    """[N, 3] int32 cells of ``keys`` [N] of the finest level."""
    bits = 2 * BIAS - 1
    return (np.stack([keys >> 42, (keys >> 21) & bits, keys & bits], axis=1) - BIAS).astype(np.int32)
