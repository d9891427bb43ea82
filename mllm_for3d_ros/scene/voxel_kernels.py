"""Fusion of one depth and colour image into the rows of the voxel map (see ``voxel_storage``).

A row of the image is worked on in chunks: geometry of all pixels (vectorised), runs of pixels in one
voxel, look-up of all runs, then one addition a run, which also makes the voxel count as seen. A pixel is
weighted 1 / (z² + 0.1), as the error of depth grows with distance.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from mllm_for3d_ros.scene.voxel_storage import CELLS, KEY_WORD, OPTIONS, STAMP_WORD, add_to_row, f32, find_or_add, slot

BORDER = 2
"""Rows and columns of zeros around the cleaned depth; also the step of the depth differences."""

CHUNK = 320
"""Pixels of a row worked on at a time; their ten values fit the first cache."""

# Where the ten values of the pixels of a chunk begin in their buffer. Unsigned, as are the loop
# counters beside them: only so does LLVM see that indices never wrap, and vectorises (8 times faster).
CELL_X, CELL_Y, CELL_Z = np.uint64(CHUNK), np.uint64(2 * CHUNK), np.uint64(3 * CHUNK)
OFFSET_X, OFFSET_Y, OFFSET_Z = np.uint64(4 * CHUNK), np.uint64(5 * CHUNK), np.uint64(6 * CHUNK)
NORMAL_X, NORMAL_Y, NORMAL_Z = np.uint64(7 * CHUNK), np.uint64(8 * CHUNK), np.uint64(9 * CHUNK)


@njit(**OPTIONS)
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


@njit(**OPTIONS)
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


@njit(**OPTIONS)
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


@njit(**OPTIONS)
def _split_runs(keys, count, starts):  # type: ignore[no-untyped-def]
    """First pixels of the runs of equal keys, then ``count``; returns the number of runs."""
    runs = 0
    previous = np.int64(-3)
    for j in range(count):
        key = keys[j]
        starts[runs] = j
        runs += key != previous
        previous = key
    starts[runs] = count
    return runs


@njit(**OPTIONS)
def _find_rows(keys, starts, runs, found, table, words, count):  # type: ignore[no-untyped-def]
    """Row of each run, adding new voxels; returns the number of voxels.

    Two passes without dependence between runs, so that the processor waits for many of their cache
    misses at a time: first all table entries, then all keys.
    """
    mask = np.int64(table.size - 1)
    for r in range(runs):
        found[r] = table[slot(keys[starts[r]], mask)]
    for r in range(runs):
        key = keys[starts[r]]
        row = found[r]
        if row >= 0 and words[row, KEY_WORD] == key:
            continue
        if key >= 0:
            row = find_or_add(key, table, mask, words, count)
            count += row == count
            found[r] = row
    return count


@njit(**OPTIONS)
def _add_runs(keys, starts, runs, found, values, color, stamp, max_weight, rows, words):  # type: ignore[no-untyped-def]
    """Add the pixels of each run to its row; returns pixels fused and pixels out of range."""
    used = 0
    dropped = 0
    for r in range(runs):
        first, end = starts[r], starts[r + 1]
        key = keys[first]
        if key < 0:
            dropped += (end - first) * (key == -2)
            continue
        used += end - first
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = f32(0)
        for j in range(first, end):
            u = np.uint64(j)
            w = values[u]
            a0 += w * values[u + OFFSET_X]
            a1 += w * values[u + OFFSET_Y]
            a2 += w * values[u + OFFSET_Z]
            a3 += w * f32(color[u, 0])
            a4 += w * f32(color[u, 1])
            a5 += w * f32(color[u, 2])
            a6 += values[u + NORMAL_X]
            a7 += values[u + NORMAL_Y]
            a8 += values[u + NORMAL_Z]
            a9 += w
        row = found[r]
        words[row, STAMP_WORD] = max(words[row, STAMP_WORD], stamp)
        add_to_row(rows[row], a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, max_weight)
    return used, dropped


@njit(**OPTIONS)
def fuse(depth, color, matrix, camera, stamp, max_weight, table, rows, words, count, first_row):  # type: ignore[no-untyped-def]
    """Fuse the cleaned ``depth`` [H + 4, W + 4] from image row ``first_row`` on.

    Stops before a row for which the voxel storage may be too small. Returns (voxels in the map,
    row to go on at, pixels fused, pixels dropped because their point lies out of the key range).
    """
    height, width = color.shape[0], color.shape[1]
    rays = (np.arange(width).astype(np.float32) - camera[2]) / camera[0]
    values = np.empty(10 * CHUNK, dtype=np.float32)
    keys = np.empty(CHUNK, dtype=np.int64)
    starts = np.empty(CHUNK + 1, dtype=np.int64)
    found = np.empty(CHUNK, dtype=np.int64)
    used = 0
    dropped = 0
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
            runs = _split_runs(keys, n, starts)
            count = _find_rows(keys, starts, runs, found, table, words, count)
            pixels = color[row, first : first + n]
            fused, out = _add_runs(keys, starts, runs, found, values, pixels, stamp, max_weight, rows, words)
            used += fused
            dropped += out
        row += 1
    return count, row, used, dropped
