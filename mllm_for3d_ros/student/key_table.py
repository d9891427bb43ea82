"""A growing table from grid cells to row numbers, and the packing of cells into keys.

Cells come in tiles of 8 x 8 x 8: a hash finds the tile, and in it every cell has a place of its own. Surfaces fill
tiles with dozens of cells, so the hash is small and rarely asked, and what is near in space is near in memory.

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
OPTIONS = {"cache": True, "nogil": True}
"""How the kernels of the incremental encoder are compiled."""
TILE = np.int64(~((7 << 42) | (7 << 21) | 7))
"""The bits of a key that name its tile."""
_PLACES = 512

Index = tuple[np.ndarray, np.ndarray, np.ndarray]
"""slots [power of two] int32 of tile numbers from 1, keys [T] int64 of the tiles, rows [T, 512] int32 in them."""


@njit(inline="always")
def find_tile(tile, slots, tile_keys):  # type: ignore[no-untyped-def]
    """Number of the tile with the key ``tile``, 0 if there is none."""
    mask = np.int64(slots.size - 1)
    h = slot(tile, mask)
    while slots[h] != 0 and tile_keys[slots[h]] != tile:
        h = (h + 1) & mask
    return slots[h]


@njit(inline="always")
def place_in_tile(key):  # type: ignore[no-untyped-def]
    """Place of the cell ``key`` in its tile, 0 to 511."""
    return ((key >> 42) & 7) << 6 | ((key >> 21) & 7) << 3 | (key & 7)


@njit(inline="always")
def find(key, index):  # type: ignore[no-untyped-def]
    """Row of ``key``, 0 if there is none."""
    slots, tile_keys, places = index
    return places[find_tile(key & TILE, slots, tile_keys), place_in_tile(key)]


@njit(**OPTIONS)
def _find_or_add_tiles(keys, start, slots, tile_keys, count, tiles):  # type: ignore[no-untyped-def]
    """Fill ``tiles`` from ``start`` on until there is no room for a new one; returns where that is, and how many."""
    mask = np.int64(slots.size - 1)
    last, number = np.int64(-1), np.int32(0)  # of no tile: its lowest bits are set
    for i in range(start, keys.size):
        tile = keys[i] & TILE
        if tile != last:
            h = slot(tile, mask)
            while slots[h] != 0 and tile_keys[slots[h]] != tile:
                h = (h + 1) & mask
            if slots[h] == 0:
                if count == tile_keys.size:
                    return i, count
                slots[h] = count
                tile_keys[count] = tile
                count += 1
            last, number = tile, slots[h]
        tiles[i] = number
    return keys.size, count


@njit(**OPTIONS)
def _enter_tiles(tile_keys, count, slots):  # type: ignore[no-untyped-def]
    mask = np.int64(slots.size - 1)
    for number in range(1, count):
        h = slot(tile_keys[number], mask)
        while slots[h] != 0:
            h = (h + 1) & mask
        slots[h] = number


@njit(**OPTIONS)
def _find_or_add(wanted, tiles, order, start, places, keys, count, rows):  # type: ignore[no-untyped-def]
    """Fill ``rows`` in ``order``, from its ``start`` on, until there is no room for a new key; as above."""
    for at in range(start, order.size):
        i = order[at]
        place = place_in_tile(wanted[i])
        row = places[tiles[i], place]
        if row == 0:
            if count == keys.size:
                return at, count
            row = np.int32(count)
            places[tiles[i], place] = row
            keys[count] = wanted[i]
            count += 1
        rows[i] = row
    return order.size, count


@njit(**OPTIONS)
def counting_order(numbers, count):  # type: ignore[no-untyped-def]
    """[N] int64 that sorts ``numbers`` [N], which lie in 0..count - 1; equal ones stay in their order."""
    place = np.zeros(count + 1, np.int64)
    for number in numbers:
        place[number + 1] += 1
    for number in range(count):
        place[number + 1] += place[number]
    order = np.empty(numbers.size, np.int64)
    for i in range(numbers.size):
        order[place[numbers[i]]] = i
        place[numbers[i]] += 1
    return order


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

    keys: [capacity] int64 by row. count: rows in use, row 0 with them. index: what ``find`` looks in.
    """

    def __init__(self) -> None:
        self.keys = np.zeros(1024, np.int64)
        self.count = 1
        self.index: Index = np.zeros(256, np.int32), np.zeros(64, np.int64), np.zeros((64, _PLACES), np.int32)
        self._tiles = 1

    def __len__(self) -> int:
        return self.count

    def find_or_add(self, wanted: np.ndarray, tile_by_tile: bool = False) -> np.ndarray:
        """[K] int32 rows of ``wanted`` [K] int64; unknown keys get the next rows, in their order or tile by tile."""
        tiles = self._tiles_of(wanted)
        order = counting_order(tiles, self._tiles) if tile_by_tile else np.arange(len(wanted))
        rows, done = np.empty(len(wanted), np.int32), 0
        while done < len(wanted):
            if self.count == len(self.keys):
                self.keys = grown(self.keys, self.count + 1)
            done, self.count = _find_or_add(wanted, tiles, order, done, self.index[2], self.keys, self.count, rows)
        return rows

    def _tiles_of(self, keys: np.ndarray) -> np.ndarray:
        """[K] int32 number of the tile of each of ``keys``; unknown tiles get the next numbers."""
        tiles, done = np.empty(len(keys), np.int32), 0
        while done < len(keys):
            slots, tile_keys, places = self.index
            if self._tiles == len(tile_keys):
                tile_keys, places = (grown(one, self._tiles + 1) for one in (tile_keys, places))
                slots = np.zeros(4 * len(tile_keys), np.int32)
                _enter_tiles(tile_keys, self._tiles, slots)
                self.index = slots, tile_keys, places
            done, self._tiles = _find_or_add_tiles(keys, done, slots, tile_keys, self._tiles, tiles)
        return tiles


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
