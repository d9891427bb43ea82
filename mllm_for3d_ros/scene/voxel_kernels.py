"""Compiled kernels of the voxel map: depth cleaning, fusion of one image, snapshot and rehash.

A voxel is one row of 64 bytes (a cache line), seen through two views of the same memory:

* ``rows`` [capacity, 16] float32: 0-2 sum of w·offset inside the voxel (voxel units), 3-5 sum of
  w·rgb, 6-8 sum of w·normal, 9 sum of w, 10 and 11 unused;
* ``words`` [capacity, 8] int64: 6 the key (3 x 21 bits), 7 the stamp of the last observation in ns.

The hash table holds row numbers only (int32, -1 where empty, linear probing); keys are compared in
the row, which is written anyway. A pixel is weighted 1 / (z² + 0.1), as the error of depth grows.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

BORDER = 2
"""Rows and columns of zeros around the cleaned depth; also the step of the depth differences."""

CELLS = 1 << 20
"""Voxels on each side of the origin along an axis: a key holds 21 bits an axis."""

CHUNK = 128
"""Pixels of a row worked on at a time; their ten values fit the first cache."""

# Where the ten values of the pixels of a chunk begin in their buffer. Unsigned, as are the loop
# counters beside them: only so does LLVM see that indices never wrap, and vectorises (8 times faster).
CELL_X, CELL_Y, CELL_Z = np.uint64(CHUNK), np.uint64(2 * CHUNK), np.uint64(3 * CHUNK)
OFFSET_X, OFFSET_Y, OFFSET_Z = np.uint64(4 * CHUNK), np.uint64(5 * CHUNK), np.uint64(6 * CHUNK)
NORMAL_X, NORMAL_Y, NORMAL_Z = np.uint64(7 * CHUNK), np.uint64(8 * CHUNK), np.uint64(9 * CHUNK)

ROW_FLOATS = 16
KEY_WORD = 6
STAMP_WORD = 7
WEIGHT = 9

_MATH = {"contract", "reassoc", "arcp", "nsz"}  # not nnan / ninf: bad depth must compare as false
_OPTIONS = {"cache": True, "nogil": True, "fastmath": _MATH, "error_model": "numpy"}

f32 = np.float32


@njit(**_OPTIONS)
def clean_depth(depth, scale, min_depth, max_depth, out):  # type: ignore[no-untyped-def]
    """Metres inside ``out`` [H + 4, W + 4] (zero border); 0 where not finite or out of range.

    Returns the number of valid pixels.
    """
    height, width = depth.shape
    out[:BORDER, :] = f32(0)
    out[height + BORDER :, :] = f32(0)
    count = 0
    for v in range(height):
        source = depth[v]
        padded = out[v + BORDER]
        padded[:BORDER] = f32(0)
        padded[width + BORDER :] = f32(0)
        target = padded[BORDER : BORDER + width]
        for u in range(width):
            z = f32(source[u]) * scale
            good = (z >= min_depth) & (z <= max_depth)
            target[u] = z if good else f32(0)
            count += good
    return count


@njit(**_OPTIONS)
def _chunk_geometry(center, up, down, left, right, rays, matrix, row, camera, values):  # type: ignore[no-untyped-def]
    """Cells, weights, offsets and weighted normals of up to CHUNK neighbouring pixels of one row.

    matrix: [3, 7] float32, columns 0-2 rotation and 3 translation in voxel units, 4-6 rotation.
    camera: [4] float32 fx, fy, cx, cy. values: [10 * CHUNK] float32: weight, cell x y z, offset
    x y z, weighted normal x y z; a single buffer at constant distances, since LLVM vectorises this
    loop only if it need not compare more than a few pointers.
    """
    fx, fy, cy = camera[0], camera[1], camera[3]
    dv = f32(row) - cy
    ray_y = dv / fy
    ax, bx, tx = matrix[0, 0], matrix[0, 1] * ray_y + matrix[0, 2], matrix[0, 3]
    ay, by, ty = matrix[1, 0], matrix[1, 1] * ray_y + matrix[1, 2], matrix[1, 3]
    az, bz, tz = matrix[2, 0], matrix[2, 1] * ray_y + matrix[2, 2], matrix[2, 3]
    r00, r01, r02 = matrix[0, 4], matrix[0, 5], matrix[0, 6]
    r10, r11, r12 = matrix[1, 4], matrix[1, 5], matrix[1, 6]
    r20, r21, r22 = matrix[2, 4], matrix[2, 5], matrix[2, 6]
    step = f32(1.0 / (2 * BORDER))
    for i in range(center.size):
        u = np.uint64(i)
        z = center[u]
        ray = rays[u]
        x = (ax * ray + bx) * z + tx
        y = (ay * ray + by) * z + ty
        q = (az * ray + bz) * z + tz
        cell_x, cell_y, cell_z = np.floor(x), np.floor(y), np.floor(q)
        w = f32(1) / (z * z + f32(0.1))
        # Normal from central differences, unless a neighbour is missing or across a depth edge.
        gap = f32(0.02) * z + f32(0.01)
        smooth = (
            (abs(left[u] - z) < gap) & (abs(right[u] - z) < gap) & (abs(up[u] - z) < gap) & (abs(down[u] - z) < gap)
        )
        zu, zv = (right[u] - left[u]) * step, (down[u] - up[u]) * step
        nx, ny, nz = zu * fx, zv * fy, -(z + (ray * fx) * zu + dv * zv)
        scale = w / np.sqrt(nx * nx + ny * ny + nz * nz + f32(1e-12))
        scale = scale if smooth else f32(0)
        values[u] = w
        values[u + CELL_X] = cell_x
        values[u + CELL_Y] = cell_y
        values[u + CELL_Z] = cell_z
        values[u + OFFSET_X] = x - cell_x
        values[u + OFFSET_Y] = y - cell_y
        values[u + OFFSET_Z] = q - cell_z
        values[u + NORMAL_X] = scale * (r00 * nx + r01 * ny + r02 * nz)
        values[u + NORMAL_Y] = scale * (r10 * nx + r11 * ny + r12 * nz)
        values[u + NORMAL_Z] = scale * (r20 * nx + r21 * ny + r22 * nz)


@njit(**_OPTIONS)
def _chunk_keys(center, values, keys):  # type: ignore[no-untyped-def]
    """Keys of the cells in ``values``; -1 where the depth is invalid, -2 where out of range."""
    limit = f32(CELLS)
    for i in range(center.size):
        u = np.uint64(i)
        x, y, z = values[u + CELL_X], values[u + CELL_Y], values[u + CELL_Z]
        inside = (abs(x) < limit) & (abs(y) < limit) & (abs(z) < limit)
        ix = np.int64(np.int32(x if inside else f32(0))) + CELLS
        iy = np.int64(np.int32(y if inside else f32(0))) + CELLS
        iz = np.int64(np.int32(z if inside else f32(0))) + CELLS
        key = (ix << 42) | (iy << 21) | iz
        key = key if inside else np.int64(-2)
        keys[u] = key if center[u] > f32(0) else np.int64(-1)


@njit(inline="always")
def _slot(key, mask):  # type: ignore[no-untyped-def]
    k = np.uint64(key)
    k ^= k >> np.uint64(33)
    k *= np.uint64(0xFF51AFD7ED558CCD)
    k ^= k >> np.uint64(33)
    return np.int64(k & np.uint64(mask))


@njit(inline="always")
def _find_or_add(key, table, mask, words, count):  # type: ignore[no-untyped-def]
    """Row number of ``key``; equals ``count`` if the voxel is new."""
    h = _slot(key, mask)
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


@njit(**_OPTIONS)
def fuse(depth, color, matrix, camera, stamp, max_weight, table, rows, words, count, first_row, keys, values):  # type: ignore[no-untyped-def]
    """Fuse the cleaned ``depth`` [H + 4, W + 4] from image row ``first_row`` on.

    Stops before a row for which the voxel storage may be too small. Returns (voxels in the map,
    row to go on at, pixels fused, pixels dropped because their point lies out of the key range).
    """
    height, width = color.shape[0], color.shape[1]
    mask = np.int64(table.size - 1)
    rays = (np.arange(width).astype(np.float32) - camera[2]) / camera[0]
    last = np.int64(-1)
    slot = np.int64(-1)
    used = 0
    dropped = 0
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = f32(0)
    row = first_row
    while row < height and count + width <= rows.shape[0]:
        v = row + BORDER
        for first in range(0, width, CHUNK):
            n = min(CHUNK, width - first)
            i = first + BORDER
            center = depth[v, i : i + n]
            up, down = depth[v - BORDER, i : i + n], depth[v + BORDER, i : i + n]
            left, right = depth[v, i - BORDER : i - BORDER + n], depth[v, i + BORDER : i + BORDER + n]
            _chunk_geometry(center, up, down, left, right, rays[first : first + n], matrix, row, camera, values)
            _chunk_keys(center, values, keys)
            for j in range(n):
                u = np.uint64(j)
                key = keys[u]
                if key < 0:
                    dropped += key == -2
                    continue
                used += 1
                if key != last:
                    if slot >= 0:
                        _add(rows[slot], a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, max_weight)
                    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = f32(0)
                    last = key
                    slot = _find_or_add(key, table, mask, words, count)
                    count += slot == count
                    words[slot, STAMP_WORD] = max(words[slot, STAMP_WORD], stamp)
                w = values[u]
                a0 += w * values[u + OFFSET_X]
                a1 += w * values[u + OFFSET_Y]
                a2 += w * values[u + OFFSET_Z]
                a3 += w * f32(color[row, first + j, 0])
                a4 += w * f32(color[row, first + j, 1])
                a5 += w * f32(color[row, first + j, 2])
                a6 += values[u + NORMAL_X]
                a7 += values[u + NORMAL_Y]
                a8 += values[u + NORMAL_Z]
                a9 += w
        row += 1
    if slot >= 0:
        _add(rows[slot], a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, max_weight)
    return count, row, used, dropped


@njit(inline="always")
def _add(row, a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, max_weight):  # type: ignore[no-untyped-def]
    """Add sums to a voxel; past ``max_weight`` all sums are halved, so that new views still count."""
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
    if row[WEIGHT] > max_weight:
        for i in range(WEIGHT + 1):
            row[i] *= f32(0.5)


@njit(**_OPTIONS)
def rehash(words, count, table):  # type: ignore[no-untyped-def]
    """Fill an empty ``table`` (all -1, size a power of two) with the first ``count`` rows."""
    mask = np.int64(table.size - 1)
    for row in range(count):
        h = _slot(words[row, KEY_WORD], mask)
        while table[h] >= 0:
            h = (h + 1) & mask
        table[h] = row


@njit(inline="always")
def _coordinate(cell, offset, voxel_size):  # type: ignore[no-untyped-def]
    """Metres of a point in a cell, kept off its faces by more than float32 rounding can move it."""
    margin = min(0.5, 1e-3 + abs(cell) * 2.0**-21)
    return f32((cell + min(max(offset, margin), 1.0 - margin)) * voxel_size)


@njit(**_OPTIONS)
def export(rows, words, count, voxel_size, points, colors, normals, weights, stamps):  # type: ignore[no-untyped-def]
    """Means of the first ``count`` voxels, into arrays of a SceneCloud."""
    bits = np.int64(2 * CELLS - 1)
    for i in range(count):
        row = rows[i]
        key = words[i, KEY_WORD]
        inverse = f32(1) / row[WEIGHT]
        points[i, 0] = _coordinate((key >> 42) - CELLS, row[0] * inverse, voxel_size)
        points[i, 1] = _coordinate(((key >> 21) & bits) - CELLS, row[1] * inverse, voxel_size)
        points[i, 2] = _coordinate((key & bits) - CELLS, row[2] * inverse, voxel_size)
        for c in range(3):
            colors[i, c] = np.uint8(min(row[3 + c] * inverse + f32(0.5), f32(255)))
        length = math.sqrt(row[6] * row[6] + row[7] * row[7] + row[8] * row[8])
        unit = f32(1) / length if length > f32(1e-3) * row[WEIGHT] else f32(0)
        for c in range(3):
            normals[i, c] = row[6 + c] * unit
        weights[i] = row[WEIGHT]
        stamps[i] = words[i, STAMP_WORD]
