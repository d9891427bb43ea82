"""Disjoint sets as an array of parents (union-find with path halving), for numba kernels."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def root(parent, i):  # type: ignore[no-untyped-def]
    """The root of element ``i``; ``parent`` [N] int64 is flattened on the way."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
