"""Candidate regions: touching superpoints that the views took or left together.

The target, a hallucination and a distractor are told apart as wholes, not point by point, so superpoints
that some view took are first joined: over the views that see both, two superpoints of one object are
taken together (the view consensus of Yan et al., MaskClustering, CVPR 2024).
"""

from __future__ import annotations

import numpy as np

TAKEN = 0.5
"""Share of its seen points from which a view is said to have taken a superpoint."""
MAX_DISAGREEMENT = 0.2
"""Mean difference of the taken shares above which two superpoints are not of one region."""
_LEAST_POINTS, _LEAST_SHARE = 4, 0.1  # fewer seen points of a superpoint say nothing of it


def taken_share(votes: np.ndarray, seen: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """[V, S] share of the seen points of each superpoint that each view took, NaN where too few are seen.

    Args:
        votes: [V, S] sums of the views' masks over the seen points.
        seen: [V, S] points that each view sees.
        sizes: [S] points.
    """
    enough = seen >= np.maximum(_LEAST_POINTS, np.minimum(_LEAST_SHARE * sizes, 10 * _LEAST_POINTS))
    return np.where(enough, votes / np.maximum(seen, 1), np.nan)


def candidate_regions(votes: np.ndarray, seen: np.ndarray, sizes: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Region of each superpoint.

    Args:
        votes: [V, S] sums of the views' masks over the seen points.
        seen: [V, S] points that each view sees.
        sizes: [S] points.
        pairs: [E, 2] superpoints that touch.

    Returns:
        [S] int32, regions numbered from 0, -1 for superpoints that no view took.
    """
    share = taken_share(votes, seen, sizes)
    taken = np.nan_to_num(share).max(axis=0, initial=0) >= TAKEN
    inside = pairs[taken[pairs].all(axis=1)] if len(pairs) else pairs
    region = np.arange(len(sizes))
    sums, looks = votes.astype(np.float64).copy(), seen.astype(np.float64).copy()
    for a, b in inside[np.argsort(_disagreement(sums, looks, inside), kind="stable")]:
        x, y = _root(region, a), _root(region, b)
        if x != y and _disagreement(sums, looks, np.array([[x, y]]))[0] <= MAX_DISAGREEMENT:
            region[y] = x
            sums[:, x] += sums[:, y]
            looks[:, x] += looks[:, y]
    roots = np.array([_root(region, s) for s in range(len(region))], np.int64)
    numbers = np.full(len(sizes), -1, np.int32)
    if taken.any():
        numbers[taken] = np.unique(roots[taken], return_inverse=True)[1]
    return numbers


def _root(parent: np.ndarray, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = int(parent[i])
    return int(i)


def _disagreement(votes: np.ndarray, seen: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """[E] mean difference of the taken shares over the views that see both, 0 where none does."""
    a, b = pairs[:, 0], pairs[:, 1]
    both = np.minimum(seen[:, a], seen[:, b])
    both[both < _LEAST_POINTS] = 0
    difference = np.abs(votes[:, a] / np.maximum(seen[:, a], 1) - votes[:, b] / np.maximum(seen[:, b], 1))
    # a view that took neither tells nothing: the others must agree
    some = both * ((votes[:, a] > 0.25 * seen[:, a]) | (votes[:, b] > 0.25 * seen[:, b]))
    return (some * difference).sum(axis=0) / np.maximum(some.sum(axis=0), 1e-9)
