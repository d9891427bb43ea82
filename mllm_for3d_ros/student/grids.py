"""The cells and the coarser grids above them: who is whose parent, child and neighbour, extended as the map grows.

Rows are never taken back. One whose voxel vanished stays in the tables; its features are zero, so it adds
nothing to any sum, which is what a missing voxel does.
"""

from __future__ import annotations

import itertools

import numpy as np
from numba import njit

from mllm_for3d_ros.student.key_table import OPTIONS, KeyTable, distinct, find, grown, named_once

_OFFSETS = tuple(itertools.product((-1, 0, 1), repeat=3))
_DELTAS = np.array([(x << 42) + (y << 21) + z for x, y, z in _OFFSETS], np.int64)
"""Differences of keys to the 27 neighbours, in the order of the kernels of ``SubmanifoldConv``."""


@njit(**OPTIONS)
def _connect(first, deltas, keys, table, count, neighbours):  # type: ignore[no-untyped-def]
    """Fill the neighbours of the rows from ``first`` on, and enter those rows with their neighbours.

    Where all rows are new, each pair of neighbours is found from one side.
    """
    mask = np.int64(table.size - 1)
    begin = 13 if first == 1 else 0
    for row in range(first, count):
        for k in range(begin, 27):
            other = find(keys[row] + deltas[k], table, mask, keys)
            neighbours[row, k] = other
            if other != 0:
                neighbours[other, 26 - k] = row


class _Neighbours:
    """Rows of a level that touch each other, extended when they are asked for."""

    def __init__(self) -> None:
        self._table = np.zeros((1, 27), np.int32)
        self._connected = 1

    def of(self, rows: KeyTable) -> np.ndarray:
        """[capacity, 27] int32, by row of ``rows``."""
        if self._connected < rows.count:
            self._table = grown(self._table, len(rows.keys))
            _connect(self._connected, _DELTAS, rows.keys, rows.table, rows.count, self._table)
            self._connected = rows.count
        return self._table


def neighbours_of(rows: KeyTable) -> np.ndarray:
    """[capacity, 27] int32 rows that touch each row of a level, itself in the middle, 0 for none."""
    return _Neighbours().of(rows)


class Grid:
    """One level above the cells.

    alive: [capacity] bool, whether a row is a voxel now. children: [capacity, 8] int32 rows of the next finer
    level, by octant 4 x + 2 y + z.
    """

    def __init__(self) -> None:
        self.table = KeyTable()
        self.alive = np.zeros(1, bool)
        self.children = np.zeros((1, 8), np.int32)

    def adopt(self, keys: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Give parents to finer ``rows`` with ``keys`` (both [K]); returns the rows of the parents, [K] int32."""
        octant = ((keys >> 42) & 1) << 2 | ((keys >> 21) & 1) << 1 | (keys & 1)
        parents = self.table.find_or_add(halved(keys))
        size = len(self.table.keys)
        self.alive, self.children = grown(self.alive, size), grown(self.children, size)
        self.children[parents, octant] = rows
        return parents


def halved(keys: np.ndarray) -> np.ndarray:
    """Keys [K] of the cells twice as large that ``keys`` lie in; every level halves the bias too."""
    bits = np.int64((1 << 20) - 1)
    return (((keys >> 43) & bits) << 42) | (((keys >> 22) & bits) << 21) | ((keys >> 1) & bits)


class GridTree:
    """The levels of a map; level 0 are the cells (see ``cells.Cells``).

    grids: of levels 1 to ``levels`` - 1. parents: for each level but the last, [capacity] int32 row of the parent,
    0 for none.
    """

    def __init__(self, levels: int) -> None:
        self.grids = [Grid() for _ in range(levels - 1)]
        self._tables = [KeyTable() for _ in range(levels)]
        self._neighbours = [_Neighbours() for _ in range(levels)]
        self.parents = [np.zeros(1, np.int32) for _ in range(levels - 1)]
        self._marks = [np.zeros(1, np.int32) for _ in range(levels)]
        self._stamp = 0

    def update(self, cells: KeyTable, kept: np.ndarray, changed: np.ndarray) -> None:
        """Take over that the cells ``changed`` [K] int64 are, or are no longer, ``kept``.

        Args:
            cells: all cells.
            kept: [capacity] bool.
            changed: rows of cells.
        """
        table, alive = cells, kept
        for level, grid in enumerate(self.grids):
            self.parents[level] = grown(self.parents[level], len(table.keys))
            orphans = changed[self.parents[level][changed] == 0]
            self.parents[level][orphans] = grid.adopt(table.keys[orphans], orphans)
            changed = distinct(self.parents[level][changed])
            grid.alive[changed] = alive[grid.children[changed]].any(1)
            table, alive = grid.table, grid.alive
        self._tables = [cells, *(grid.table for grid in self.grids)]
        for level, rows in enumerate(self._tables):
            self._marks[level] = grown(self._marks[level], len(rows.keys))

    def connect(self, cells: KeyTable) -> None:
        """Find who touches whom among the ``cells`` ahead of ``update``."""
        self._neighbours[0].of(cells)

    @property
    def capacities(self) -> list[int]:
        """Rows that there is room for on each level."""
        return [len(rows.keys) for rows in self._tables]

    @property
    def counts(self) -> list[int]:
        """Rows in use on each level, row 0 with them."""
        return [rows.count for rows in self._tables]

    def neighbours(self, level: int) -> np.ndarray:
        """[capacity, 27] int32 rows of ``level`` that touch a row of it, itself in the middle, 0 for none."""
        return self._neighbours[level].of(self._tables[level])

    def joined(self, level: int, *groups: np.ndarray) -> np.ndarray:
        """[K] int64 rows of a level that are in any of ``groups``, rising; so are those of the methods below."""
        return self._collect(level, [(group, None) for group in groups])

    def above(self, level: int, rows: np.ndarray) -> np.ndarray:
        """Rows of ``level`` that are parents of ``rows`` of the finer one."""
        return self._collect(level, [(rows, self.parents[level - 1][:, None])])

    def around(self, level: int, rows: np.ndarray, *more: np.ndarray) -> np.ndarray:
        """``rows`` of a level with all that touch them, and ``more`` rows of it."""
        return self._collect(level, [(rows, self.neighbours(level)), *((one, None) for one in more)])

    def below(self, level: int, rows: np.ndarray, *more: np.ndarray) -> np.ndarray:
        """Rows of ``level`` that are children of ``rows`` of the coarser one, and ``more`` rows of it."""
        return self._collect(level, [(rows, self.grids[level].children), *((one, None) for one in more)])

    def _collect(self, level: int, groups: list[tuple[np.ndarray, np.ndarray | None]]) -> np.ndarray:
        marks = self._marks[level]
        self._stamp += 1
        room = min(len(marks), sum(len(rows) * (1 if links is None else links.shape[1]) for rows, links in groups))
        out, count = np.empty(room, np.int64), 0
        for rows, links in groups:
            named = rows.astype(np.int32)[:, None] if links is None else links
            chosen = np.arange(len(rows)) if links is None else rows
            count = named_once(chosen, named, marks, self._stamp, out, count)
        return np.sort(out[:count])
