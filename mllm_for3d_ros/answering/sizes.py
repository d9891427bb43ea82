"""The order of things by size: which is the largest, the tallest, the lowest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mllm_for3d_ros.answering.things import Thing
from mllm_for3d_ros.language.relations.query import Size

_STANDING = 0.4
"""m above the floor up to which a thing counts as standing on it."""
_DESCENDING: tuple[Size, ...] = ("largest", "tallest", "longest", "highest")
_MEASURES: dict[Size, str] = {
    "largest": "m²", "smallest": "m²", "tallest": "m", "shortest": "m", "longest": "m", "highest": "m", "lowest": "m",
}  # fmt: skip


def by_size(size: Size, things: Sequence[Thing], floor: float) -> tuple[list[int], list[float], str]:
    """Rank things by ``size``.

    Args:
        size: what the first should be.
        things: to rank.
        floor: height m of the floor.

    Returns:
        Their places in order, what was measured of each (in the order given), and its unit.
    """
    values = [_measured(size, thing, things, floor) for thing in things]
    sign = -1.0 if size in _DESCENDING else 1.0
    order = np.argsort([sign * value for value in values], kind="stable")
    return [int(i) for i in order], values, _MEASURES[size]


def _measured(size: Size, thing: Thing, rivals: Sequence[Thing], floor: float) -> float:
    sides = np.sort(thing.instance.size)
    if size in ("largest", "smallest"):
        return float(sides[1] * sides[2])
    if size in ("tallest", "shortest"):
        standing = all(one.bottom - floor <= _STANDING for one in rivals)
        return thing.top - floor if standing else float(thing.instance.size[2])
    if size == "longest":
        return float(thing.instance.size[0])
    return thing.top - floor
