"""Maps that hold still: what was said of a voxel is said again until the voxel has moved noticeably.

Every image moves the means of the voxels it sees by a hair, and whoever encodes the map pays for all that differs
from the map before (docs/encoding.md). A standing scene then costs as much as a new one. So the records of a
message repeat those of the message before, apart from ages and epoch, while they are as near as this:
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from mllm_for3d_ros.scene.voxel_storage import MAP_FIELDS, OPTIONS

POINT = 0.08
"""Of a voxel's edge, along each axis: 2 mm at 2.5 cm."""
COLOR = 4
"""Steps of 255, in each channel."""
NORMAL = 0.1
"""Along each axis: about 6 degrees."""
WEIGHT = 0.5
"""Of the weight, which is held for itself: it grows with every image."""
FULL_WEIGHT = 64.0
"""What a larger weight is said as: the point is as good as it gets. A few seconds of looking."""


def steady(records: np.ndarray, before: np.ndarray, voxel_size: float) -> None:
    """Take into ``records`` what ``before`` said of the same voxels, where it still holds.

    Args:
        records: [N] of ``VoxelMap.records``; written to.
        before: [B] the records of the message before, as they went out; none in the first of an epoch. Row i is
            the same voxel in both, or lies in another cell and is left alone.
        voxel_size: edge of a voxel in m.
    """
    new, old = (one.view(np.float32).reshape(len(one), len(MAP_FIELDS)) for one in (records, before))
    np.minimum(records["weight"], np.float32(FULL_WEIGHT), out=records["weight"])
    _hold(new, new.view(np.uint32), old, old.view(np.uint32), voxel_size)


@njit(**OPTIONS)
def _hold(new, bits, old, old_bits, voxel_size):  # type: ignore[no-untyped-def]
    for i in range(min(len(new), len(old))):
        near, same = True, True
        for axis in range(3):
            a, b = new[i, axis], old[i, axis]
            same &= a == b or math.floor(a / voxel_size) == math.floor(b / voxel_size)
            near &= abs(a - b) <= POINT * voxel_size
            near &= abs(new[i, 5 + axis] - old[i, 5 + axis]) <= NORMAL
            near &= abs(_channel(bits[i, 3], axis) - _channel(old_bits[i, 3], axis)) <= COLOR
        if same and near:
            for column in (0, 1, 2, 3, 5, 6, 7):
                bits[i, column] = old_bits[i, column]
        if same and abs(new[i, 4] - old[i, 4]) <= WEIGHT * new[i, 4]:
            new[i, 4] = old[i, 4]


@njit(inline="always")
def _channel(rgb, number):  # type: ignore[no-untyped-def]
    return np.int64(rgb >> np.uint32(8 * number) & np.uint32(255))
