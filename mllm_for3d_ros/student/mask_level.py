"""From which probability on a voxel belongs to the mask of an answer."""

from __future__ import annotations

import numpy as np

FAINTEST = 0.05
"""No voxel of less probability belongs to a mask."""
STRONGEST = 30
"""Map voxels (2.5 cm) whose mean probability is that of the strongest: about what a cup has."""


def mask_level(probability: np.ndarray, share: float, strongest: int = STRONGEST) -> float:
    """A share of the probability of the strongest voxels, and at least ``FAINTEST``.

    Small and rare things never get as sure as large ones: one threshold for all would suit neither.

    Args:
        probability: [N] of an answer.
        share: 0..1.
        strongest: number of voxels whose mean is taken.
    """
    candidates = probability[probability >= FAINTEST]
    if not len(candidates):
        return FAINTEST
    top = min(strongest, len(candidates))
    return max(FAINTEST, share * float(np.partition(candidates, -top)[-top:].mean()))
