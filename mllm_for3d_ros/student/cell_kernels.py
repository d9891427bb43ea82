"""Compiled loops of ``cells``: map rows to cells, means of cells, and who answers for cells of noise."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mllm_for3d_ros.student.key_table import BIAS, LIMIT, OPTIONS, find
from mllm_for3d_ros.types import SceneCloud

MEANS = 9
"""Columns of the means of a cell: x y z (m), r g b (0..255), normal (unit, or zero)."""


def values_of(cloud: SceneCloud) -> tuple[np.ndarray, ...]:
    """What the loops read of a cloud: points, colors, normals, weights."""
    return cloud.points, cloud.colors, cloud.normals, cloud.weights


@njit(**OPTIONS)
def keys_of(points, rows, size, keys):  # type: ignore[no-untyped-def]
    """Keys of the cells of edge ``size`` that ``points[rows]`` lie in; False if one is out of reach."""
    for i in range(rows.size):
        key = np.int64(0)
        for axis in range(3):
            cell = math.floor(points[rows[i], axis] / size)
            if not abs(cell) < LIMIT:
                return False
            key = (key << 21) | (np.int64(cell) + BIAS)
        keys[i] = key
    return True


@njit(**OPTIONS)
def differing_rows(new, old, rows):  # type: ignore[no-untyped-def]
    """Fill ``rows`` with those below the shorter length whose values differ at all; returns how many do.

    ``new`` and ``old`` are (points, colors, normals, weights) of clouds.
    """
    points, colors, normals, weights = new
    old_points, old_colors, old_normals, old_weights = old
    found = 0
    for i in range(min(len(weights), len(old_weights))):
        same = weights[i] == old_weights[i]
        for axis in range(3):
            same &= points[i, axis] == old_points[i, axis]
            same &= normals[i, axis] == old_normals[i, axis]
            same &= colors[i, axis] == old_colors[i, axis]
        if not same:
            rows[found] = i
            found += 1
    return found


@njit(**OPTIONS)
def find_moves(rows, cells, cell_of, moves):  # type: ignore[no-untyped-def]
    """Fill the columns of ``moves`` [3, K] int32 with those of ``rows`` that are not in one of ``cells`` yet.

    A column is row, cell before and cell now. Returns how many there are.
    """
    count = 0
    for i in range(rows.size):
        before = cell_of[rows[i]]
        if before != cells[i]:
            moves[0, count], moves[1, count], moves[2, count] = rows[i], before, cells[i]
            count += 1
    return count


@njit(**OPTIONS)
def mark(names, marks, stamp):  # type: ignore[no-untyped-def]
    """Put ``stamp`` on all that is named."""
    for name in names:
        marks[name] = stamp


@njit(**OPTIONS)
def leave(rows, cell_of, head, following):  # type: ignore[no-untyped-def]
    """Take ``rows`` of the map out of the lists of their cells."""
    for row in rows:
        cell = cell_of[row]
        if cell == 0:
            continue
        at = head[cell]
        if at == row:
            head[cell] = following[row]
        else:
            while following[at] != row:
                at = following[at]
            following[at] = following[row]
        cell_of[row] = 0


@njit(**OPTIONS)
def join(rows, cells, cell_of, head, following):  # type: ignore[no-untyped-def]
    """Put ``rows`` of the map (rising) into the lists of ``cells``, which stay in rising order of rows."""
    for i in range(rows.size - 1, -1, -1):
        row, cell = rows[i], cells[i]
        cell_of[row] = cell
        at = head[cell]
        if at < 0 or at > row:
            head[cell] = row
            following[row] = at
        else:
            while following[at] >= 0 and following[at] < row:
                at = following[at]
            following[row] = following[at]
            following[at] = row


@njit(**OPTIONS)
def gather_means(cells, lists, cloud, means, totals):  # type: ignore[no-untyped-def]
    """Weighted means [K, 9] and total weights [K] of the map rows in each of ``cells``.

    ``lists`` is (first row of each cell, following row of each row); ``cloud`` as in ``differing_rows``.
    """
    head, following = lists
    points, colors, normals, weights = cloud
    sums = np.zeros(MEANS)
    for i in range(cells.size):
        sums[:] = 0.0
        total = 0.0
        row = head[cells[i]]
        while row >= 0:
            weight = np.float64(weights[row])
            total += weight
            for axis in range(3):
                sums[axis] += weight * points[row, axis]
                sums[3 + axis] += weight * colors[row, axis]
                sums[6 + axis] += weight * normals[row, axis]
            row = following[row]
        totals[i] = total
        scale = 1.0 / total if total > 0 else 0.0
        length = math.sqrt(sums[6] ** 2 + sums[7] ** 2 + sums[8] ** 2) * scale
        for axis in range(6):
            means[i, axis] = sums[axis] * scale
        for axis in range(6, 9):
            means[i, axis] = sums[axis] * scale / max(length, 1e-6)


@njit(**OPTIONS)
def take_over(cells, means, steps, kept_means, inputs, heights):  # type: ignore[no-untyped-def]
    """Enter ``means`` [K, 9] of ``cells``, and what the network reads of them; returns [K] bool where that differs.

    ``steps`` of colour (-1..1), normal and height are float32; ``inputs`` [capacity, 8] are colour, normal, nothing
    for the height, which is in ``heights`` [capacity] int32, in steps, and one.
    """
    color_step, normal_step, height_step = steps
    differs = np.zeros(cells.size, np.bool_)
    columns = inputs.shape[1]
    row = np.zeros(columns, np.float32)
    row[columns - 1] = 1
    for i in range(cells.size):
        cell = cells[i]
        for axis in range(3):
            color = means[i, 3 + axis] / np.float32(127.5) - np.float32(1)
            row[axis] = np.rint(color / color_step) * color_step
            row[3 + axis] = np.rint(means[i, 6 + axis] / normal_step) * normal_step
        height = np.int32(np.rint(means[i, 2] / height_step))
        different = heights[cell] != height
        for column in range(columns):
            different |= inputs[cell, column] != row[column]
            inputs[cell, column] = row[column]
        heights[cell] = height
        for column in range(MEANS):
            kept_means[cell, column] = means[i, column]
        differs[i] = different
    return differs


@njit(**OPTIONS)
def inputs_of(cells, inputs, heights, step, floor):  # type: ignore[no-untyped-def]
    """[K, 8] float32 of ``inputs`` with the ``heights`` (in steps) above the ``floor`` where the network wants them."""
    found = np.empty((cells.size, inputs.shape[1]), np.float32)
    for i in range(cells.size):
        found[i] = inputs[cells[i]]
        found[i, 6] = heights[cells[i]] * step - floor
    return found


@njit(**OPTIONS)
def answer_for(cells, keys, index, kept, steps, answer):  # type: ignore[no-untyped-def]
    """Answering cell of each of ``cells``: itself if kept, else the first kept one in the order of ``steps``."""
    for cell in cells:
        found = np.int32(0)
        if kept[cell]:
            found = cell
        else:
            for step in steps:
                other = find(keys[cell] + step, index)
                if other != 0 and kept[other]:
                    found = other
                    break
        answer[cell] = found


@njit(**OPTIONS)
def left_out_near(cells, keys, index, kept, head, steps, marks, stamp, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` with the cells of noise around ``cells``, each once; returns how many there are."""
    count = 0
    for cell in cells:
        for step in steps:
            other = find(keys[cell] + step, index)
            if other != 0 and not kept[other] and head[other] >= 0 and marks[other] != stamp:
                marks[other] = stamp
                out[count] = other
                count += 1
    return count
