"""Disjoint sets as an array of parents (union-find with path halving), for numba kernels."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def root(parent, i):  # type: ignore[no-untyped-def]
    """The root of element ``i``; ``parent`` [N] int64 is flattened on the way."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True)
def renumbered(roots):  # type: ignore[no-untyped-def]
    """[N] int32 numbers from 0 in the order in which the roots first appear."""
    number = np.full(roots.size, -1, np.int32)
    labels = np.empty(roots.size, np.int32)
    used = 0
    for i in range(roots.size):
        if number[roots[i]] < 0:
            number[roots[i]] = used
            used += 1
        labels[i] = number[roots[i]]
    return labels
