"""Pairs messages of two topics by their stamps."""

from __future__ import annotations

import numpy as np


def match_stamps(first: np.ndarray, second: np.ndarray, max_interval_ns: int) -> list[tuple[int, int]]:
    """Pair stamps, the nearest first, each used once.

    Args:
        first: [N] stamps in ns, in any order.
        second: [M] stamps in ns, in any order.
        max_interval_ns: stamps farther apart are no pair.

    Returns:
        (i, j) into ``first`` and ``second``, by rising stamp of ``first``. Pairs never cross.
    """
    first, second = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    if not len(first) or not len(second):
        return []
    order = np.argsort(second, kind="stable")
    ordered = second[order]
    right = np.searchsorted(ordered, first)
    rows = np.arange(len(first))
    candidates: list[tuple[int, int, int]] = []
    for offset in (-1, 0):
        at = right + offset
        inside = (at >= 0) & (at < len(second))
        gaps = np.abs(ordered[at[inside]] - first[inside])
        near = gaps <= max_interval_ns
        candidates += zip(
            gaps[near].tolist(), rows[inside][near].tolist(), order[at[inside][near]].tolist(), strict=True
        )
    taken_first: set[int] = set()
    taken_second: set[int] = set()
    pairs = []
    for _, i, j in sorted(candidates):
        if i not in taken_first and j not in taken_second:
            taken_first.add(i)
            taken_second.add(j)
            pairs.append((i, j))
    return sorted(pairs, key=lambda pair: (first[pair[0]], pair[0]))
