"""How voxels lie in memory: rows of one cache line each, found through a hash table of row numbers.

A voxel is one row of 64 bytes, seen through two views of the same memory:

* ``rows`` [capacity, 16] float32: 0-2 sum of w·offset inside the voxel (voxel units), 3-5 sum of
  w·rgb, 6-8 sum of w·normal, 9 sum of w, 10 how often in a row the voxel was seen through, 11 unused;
* ``words`` [capacity, 8] int64: 6 the key (3 x 21 bits), 7 the stamp of the last observation in ns.

The hash table holds row numbers only (int32, -1 where empty, linear probing); keys are compared in
the row, which is written anyway.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

CELLS = 1 << 20
"""Voxels on each side of the origin along an axis: a key holds 21 bits an axis."""

ROW_FLOATS = 16
KEY_WORD = 6
STAMP_WORD = 7
WEIGHT = 9
SEEN_THROUGH = 10

MAP_FIELDS = ("x", "y", "z", "rgb", "weight", "normal_x", "normal_y", "normal_z", "age", "epoch")
"""What a voxel is in a map message: 4 bytes each, float32 but for epoch, which is uint32."""

OPTIONS = {
    "cache": True,
    "nogil": True,
    "fastmath": {"contract", "reassoc", "arcp", "nsz"},  # not nnan, ninf: bad depth must compare as false
    "error_model": "numpy",
}
"""How all kernels of the map are compiled."""

f32 = np.float32


@njit(inline="always")
def slot(key, mask):  # type: ignore[no-untyped-def]
    """Where in a table of mask + 1 entries to look for ``key`` first."""
    k = np.uint64(key)
    k ^= k >> np.uint64(33)
    k *= np.uint64(0xFF51AFD7ED558CCD)
    k ^= k >> np.uint64(33)
    return np.int64(k & np.uint64(mask))


@njit(inline="always")
def find_or_add(key, table, mask, words, count):  # type: ignore[no-untyped-def]
    """Row number of ``key``; equals ``count`` if the voxel is new."""
    h = slot(key, mask)
    while True:
        row = table[h]
        if row < 0:
            table[h] = count
            words[count, KEY_WORD] = key
            words[count, STAMP_WORD] = np.int64(-(2**63))
            return np.int64(count)
        if words[row, KEY_WORD] == key:
            return np.int64(row)
        h = (h + 1) & mask


@njit(inline="always")
def add_to_row(row, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, max_weight):  # type: ignore[no-untyped-def]
    """Add sums to a voxel; what is past ``max_weight`` is taken off in proportion, so that new views still count."""
    row[0] += a0
    row[1] += a1
    row[2] += a2
    row[3] += a3
    row[4] += a4
    row[5] += a5
    row[6] += a6
    row[7] += a7
    row[8] += a8
    row[9] += a9
    row[SEEN_THROUGH] = f32(0)
    if row[WEIGHT] > max_weight:
        rest = max_weight / row[WEIGHT]
        for i in range(WEIGHT + 1):
            row[i] *= rest


@njit(**OPTIONS)
def rehash(words, count, table):  # type: ignore[no-untyped-def]
    """Fill an empty ``table`` (all -1, size a power of two) with the first ``count`` rows."""
    mask = np.int64(table.size - 1)
    for row in range(count):
        h = slot(words[row, KEY_WORD], mask)
        while table[h] >= 0:
            h = (h + 1) & mask
        table[h] = row


@njit(inline="always")
def _coordinate(cell, offset, voxel_size):  # type: ignore[no-untyped-def]
    """Metres of a point in a cell, kept off its faces by more than float32 rounding can move it."""
    margin = min(0.5, 1e-3 + abs(cell) * 2.0**-21)
    return f32((cell + min(max(offset, margin), 1.0 - margin)) * voxel_size)


@njit(inline="always")
def _point(row, key, voxel_size, out):  # type: ignore[no-untyped-def]
    """Mean of the voxel's points in metres, into ``out`` [3 or more]."""
    bits = np.int64(2 * CELLS - 1)
    inverse = f32(1) / row[WEIGHT]
    out[0] = _coordinate((key >> 42) - CELLS, row[0] * inverse, voxel_size)
    out[1] = _coordinate(((key >> 21) & bits) - CELLS, row[1] * inverse, voxel_size)
    out[2] = _coordinate((key & bits) - CELLS, row[2] * inverse, voxel_size)


@njit(inline="always")
def _color(row, c):  # type: ignore[no-untyped-def]
    """Mean of channel ``c``, rounded."""
    return np.uint8(min(row[3 + c] / row[WEIGHT] + f32(0.5), f32(255)))


@njit(inline="always")
def _normal(row, out):  # type: ignore[no-untyped-def]
    """Unit mean of the voxel's normals into ``out`` [3]; 0 where unknown."""
    length = math.sqrt(row[6] * row[6] + row[7] * row[7] + row[8] * row[8])
    unit = f32(1) / length if length > f32(1e-3) * row[WEIGHT] else f32(0)
    for c in range(3):
        out[c] = row[6 + c] * unit


@njit(**OPTIONS)
def export(rows, words, count, voxel_size, points, colors, normals, weights, stamps):  # type: ignore[no-untyped-def]
    """Means of the first ``count`` voxels, into arrays of a SceneCloud."""
    for i in range(count):
        row = rows[i]
        _point(row, words[i, KEY_WORD], voxel_size, points[i])
        for c in range(3):
            colors[i, c] = _color(row, c)
        _normal(row, normals[i])
        weights[i] = row[WEIGHT]
        stamps[i] = words[i, STAMP_WORD]


@njit(**OPTIONS)
def pack(rows, words, count, voxel_size, newest, epoch, out, bits):  # type: ignore[no-untyped-def]
    """The same as the ``MAP_FIELDS`` of each, into ``out`` [count, 10] float32; ``bits`` is its memory as uint32.

    rgb is 0x00RRGGBB, age seconds before ``newest`` (ns).
    """
    for i in range(count):
        row = rows[i]
        record = out[i]
        _point(row, words[i, KEY_WORD], voxel_size, record)
        bits[i, 3] = np.uint32(_color(row, 0)) << 16 | np.uint32(_color(row, 1)) << 8 | np.uint32(_color(row, 2))
        record[4] = row[WEIGHT]
        _normal(row, record[5:8])
        record[8] = f32((newest - words[i, STAMP_WORD]) * 1e-9)
        bits[i, 9] = epoch
