"""Removal of voxels from the map: which ones are seen through, and taking rows out of the storage."""

from __future__ import annotations

import numpy as np
from numba import njit

from mllm_for3d_ros.scene.voxel_storage import CELLS, KEY_WORD, OPTIONS, SEEN_THROUGH, WEIGHT, f32, slot

EDGE_PIXELS = 2
"""A voxel counts as seen through only if the pixels this far beside it look past it, too: edges are noisy."""


@njit(**OPTIONS)
def look_through(rows, words, count, depth, camera, world_to_camera, voxel_size, margin, max_depth, looks):  # type: ignore[no-untyped-def]
    """[count] bool: which voxels were looked through ``looks`` times in a row, by this image the last time.

    A voxel is looked through if it lies in the image, nearer than ``max_depth``, and the depth there and
    around it is larger than that of the voxel by more than margin[0] + margin[1] · z. depth: [H, W]
    float32 metres, 0 where invalid. camera: [4] float32 fx, fy, cx, cy. world_to_camera: [3, 4] float32.
    """
    doomed = np.zeros(count, dtype=np.bool_)
    bits = np.int64(2 * CELLS - 1)
    height, width = depth.shape
    m = world_to_camera
    for i in range(count):
        key = words[i, KEY_WORD]
        inverse = f32(1) / rows[i, WEIGHT]
        x = (f32((key >> 42) - CELLS) + rows[i, 0] * inverse) * voxel_size
        y = (f32(((key >> 21) & bits) - CELLS) + rows[i, 1] * inverse) * voxel_size
        q = (f32((key & bits) - CELLS) + rows[i, 2] * inverse) * voxel_size
        z = m[2, 0] * x + m[2, 1] * y + m[2, 2] * q + m[2, 3]
        if not (z > f32(0) and z < max_depth):
            continue
        u = np.floor(camera[0] * (m[0, 0] * x + m[0, 1] * y + m[0, 2] * q + m[0, 3]) / z + camera[2] + f32(0.5))
        v = np.floor(camera[1] * (m[1, 0] * x + m[1, 1] * y + m[1, 2] * q + m[1, 3]) / z + camera[3] + f32(0.5))
        e = EDGE_PIXELS
        if not (u >= e and v >= e and u < width - e and v < height - e):
            continue
        c, r = np.int64(u), np.int64(v)
        beyond = z + margin[0] + margin[1] * z
        if (
            depth[r, c] > beyond
            and depth[r - e, c] > beyond
            and depth[r + e, c] > beyond
            and depth[r, c - e] > beyond
            and depth[r, c + e] > beyond
        ):
            rows[i, SEEN_THROUGH] += f32(1)
            doomed[i] = rows[i, SEEN_THROUGH] >= looks
    return doomed


@njit(inline="always")
def _slot_of(row, table, mask, words):  # type: ignore[no-untyped-def]
    """The table entry that holds a row number."""
    h = slot(words[row, KEY_WORD], mask)
    while table[h] != row:
        h = (h + 1) & mask
    return h


@njit(inline="always")
def _free(hole, table, mask, words):  # type: ignore[no-untyped-def]
    """Empty a table entry; later ones of its run move up, so that every key is still found by probing."""
    h = hole
    while True:
        h = (h + 1) & mask
        if table[h] < 0:
            break
        home = slot(words[table[h], KEY_WORD], mask)
        if ((h - home) & mask) >= ((h - hole) & mask):
            table[hole] = table[h]
            hole = h
    table[hole] = np.int32(-1)


@njit(**OPTIONS)
def remove_rows(rows, words, count, table, doomed):  # type: ignore[no-untyped-def]
    """Take the ``doomed`` [count] rows out; the last rows fill their places. Returns the new count."""
    mask = np.int64(table.size - 1)
    for row in range(count - 1, -1, -1):
        if not doomed[row]:
            continue
        _free(_slot_of(row, table, mask, words), table, mask, words)
        count -= 1
        if row != count:
            table[_slot_of(count, table, mask, words)] = np.int32(row)
            rows[row] = rows[count]
        rows[count] = f32(0)  # as a new voxel expects it
    return count


@njit(**OPTIONS)
def distances(words, count, cell):  # type: ignore[no-untyped-def]
    """[count] float32 squared distance in voxels of each row from a ``cell`` [3]."""
    out = np.empty(count, dtype=np.float32)
    bits = np.int64(2 * CELLS - 1)
    for i in range(count):
        key = words[i, KEY_WORD]
        dx = f32((key >> 42) - CELLS) - cell[0]
        dy = f32(((key >> 21) & bits) - CELLS) - cell[1]
        dz = f32((key & bits) - CELLS) - cell[2]
        out[i] = dx * dx + dy * dy + dz * dz
    return out
