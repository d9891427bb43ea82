"""Located objects as prompts of SAM: bounded to the image, and grouped by what they consist of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.teachers.grounding import Located

_MIN_SIDE = 1.0
"""Pixels; a thinner box says nothing of an object."""


@dataclass(frozen=True)
class Prompts:
    """Objects that are prompted in the same way, so that one batch of the decoder answers them.

    rows: [n] which objects. boxes: [n, 4] x1, y1, x2, y2 or None; points: [n, 2] x, y or None; float64
    pixels of the image. At least one of the two is given.
    """

    rows: tuple[int, ...]
    boxes: np.ndarray | None
    points: np.ndarray | None


def group_prompts(objects: Sequence[Located], size: tuple[int, int], at_most: int) -> list[Prompts]:
    """Prompts for an image of ``size`` (height, width), no more than ``at_most`` in a group.

    Boxes are clipped to the image. A box that is not finite or less than a pixel wide or high is left
    out (SAM 2 fails on such), a point outside of the image as well; an object left with neither has no prompt.
    """
    cleaned = [(_box(o.box, size), _point(o.point, size)) for o in objects]
    groups: list[Prompts] = []
    for has_box, has_point in ((True, True), (True, False), (False, True)):
        rows = [
            i for i, (box, point) in enumerate(cleaned) if (box is not None, point is not None) == (has_box, has_point)
        ]
        for start in range(0, len(rows), at_most):
            chosen = rows[start : start + at_most]
            groups.append(
                Prompts(
                    tuple(chosen),
                    np.array([cleaned[i][0] for i in chosen]) if has_box else None,
                    np.array([cleaned[i][1] for i in chosen]) if has_point else None,
                )
            )
    return groups


def _box(box: tuple[float, float, float, float] | None, size: tuple[int, int]) -> tuple[float, ...] | None:
    """``box`` clipped to the image, None if nothing is left of it."""
    if box is None or not all(map(math.isfinite, box)):
        return None
    height, width = size
    x1, x2 = (min(max(x, 0.0), float(width)) for x in (box[0], box[2]))
    y1, y2 = (min(max(y, 0.0), float(height)) for y in (box[1], box[3]))
    return (x1, y1, x2, y2) if x2 - x1 >= _MIN_SIDE and y2 - y1 >= _MIN_SIDE else None


def _point(point: tuple[float, float] | None, size: tuple[int, int]) -> tuple[float, float] | None:
    """``point`` if it lies in the image."""
    if point is None or not (0 <= point[0] <= size[1] and 0 <= point[1] <= size[0]):
        return None
    return point
