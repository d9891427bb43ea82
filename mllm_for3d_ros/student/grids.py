"""The cells and the coarser grids above them: who is whose parent, child and neighbour, extended as the map grows.

Rows are never taken back. One whose voxel vanished stays in the tables; its features are zero, so it adds
nothing to any sum, which is what a missing voxel does.
"""

from __future__ import annotations

import itertools

import numpy as np
from numba import njit

from mllm_for3d_ros.student.key_table import OPTIONS, TILE, KeyTable, distinct, find_tile, grown, named_once

_OFFSETS = tuple(itertools.product((-1, 0, 1), repeat=3))
_DELTAS = np.array([(x << 42) + (y << 21) + z for x, y, z in _OFFSETS], np.int64)
"""Differences of keys to the 27 neighbours, in the order of the kernels of ``SubmanifoldConv``."""
_X, _Y, _SIDE, _SEVEN = np.uint64(42), np.uint64(21), np.uint64(3), np.uint64(7)


@njit(**OPTIONS)
def _connect(first, deltas, keys, index, count, neighbours):  # type: ignore[no-untyped-def]
    """Fill the neighbours of the rows from ``first`` on, and enter those rows with their neighbours before them.

    Places are unsigned: Numba looks for negative ones else, which takes as long as the rest.
    """
    slots, tile_keys, places = index
    rows, links = places.reshape(-1), neighbours.reshape(-1)
    size, last = np.uint64(places.shape[1]), np.int64(-1)
    starts = np.zeros(27, np.uint64)  # of the rows of this tile and of those around it
    at = np.uint64(27 * first)
    for row in range(first, count):
        if keys[row] & TILE != last:
            last = keys[row] & TILE
            for k in range(27):
                starts[k] = np.uint64(find_tile(last + 8 * deltas[k], slots, tile_keys)) * size
        key = np.uint64(keys[row])
        for a in range(3):
            x = ((key >> _X) & _SEVEN) + np.uint64(a + 7)  # 7 and 16 lie in the next tiles
            for b in range(3):
                y = ((key >> _Y) & _SEVEN) + np.uint64(b + 7)
                for c in range(3):
                    z = (key & _SEVEN) + np.uint64(c + 7)
                    tile = (x >> _SIDE) * np.uint64(9) + (y >> _SIDE) * np.uint64(3) + (z >> _SIDE)
                    place = (x & _SEVEN) << np.uint64(6) | (y & _SEVEN) << _SIDE | (z & _SEVEN)
                    links[at] = rows[starts[tile] + place]
                    at += np.uint64(1)
        if first > 1:
            for k in range(27):
                links[np.uint64(27 * links[at - np.uint64(27 - k)] + 26 - k)] = row
    links[:27] = 0  # of nothing


@njit(**OPTIONS)
def _halves(keys):  # type: ignore[no-untyped-def]
    """Keys [K] of the cells twice as large that ``keys`` lie in, and the octants [K] int64 there.

    Every level halves the bias too.
    """
    bits = np.int64((1 << 20) - 1)
    halved, octants = np.empty(keys.size, np.int64), np.empty(keys.size, np.int64)
    for i in range(keys.size):
        key = keys[i]
        halved[i] = ((key >> 43) & bits) << 42 | ((key >> 22) & bits) << 21 | ((key >> 1) & bits)
        octants[i] = ((key >> 42) & 1) << 2 | ((key >> 21) & 1) << 1 | (key & 1)
    return halved, octants


@njit(**OPTIONS)
def _revive(rows, children, below, alive):  # type: ignore[no-untyped-def]
    """Which of ``rows`` [K] are ``alive`` [capacity]: those of whose ``children`` [capacity, 8] any is, ``below``."""
    for row in rows:
        alive[row] = False
        for child in children[row]:
            alive[row] |= below[child]


class _Neighbours:
    """Rows of a level that touch each other, extended when they are asked for."""

    def __init__(self) -> None:
        self._table = np.zeros((1, 27), np.int32)
        self._connected = 1

    def of(self, rows: KeyTable) -> np.ndarray:
        """[capacity, 27] int32, by row of ``rows``."""
        if self._connected < rows.count:
            self._table = grown(self._table, len(rows.keys))
            _connect(self._connected, _DELTAS, rows.keys, rows.index, rows.count, self._table)
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
        halved, octants = _halves(keys)
        parents = self.table.find_or_add(halved)
        size = len(self.table.keys)
        self.alive, self.children = grown(self.alive, size), grown(self.children, size)
        self.children[parents, octants] = rows
        return parents


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
            _revive(changed, grid.children, alive, grid.alive)
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
