"""Spatial consistency: what the views that should see a region agree on, and what that says of the rest.

1. Superpoints that some view took are joined to candidate regions (``regions``).
2. For every region the views that took it are compared with those that should have, by depth-tested
   visibility: a hallucination seen by six views and taken by one goes, and views that took it count less
   everywhere (``agreement``). The same says whether a target is there at all.
3. Within a region only the views that took it, and are right, decide its outline.
4. Superpoints that no view saw take after confident ones around them (``spreading``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.lifting.agreement import Agreement, agree
from mllm_for3d_ros.lifting.lift_scene import LiftScene
from mllm_for3d_ros.lifting.regions import TAKEN, candidate_regions
from mllm_for3d_ros.lifting.spreading import spread

CLEAR_SHARE = 0.005
"""Share of the image that a region must cover to be surely noticed."""
CLEAR_PART = 0.25
"""Part of a region that a view must see for the same."""
_LEAST_CLEAR = 0.25
_LEAST_PART = 0.1
"""A region is a candidate if some view took it while seeing it this clearly, and with it this part of all that
the view took; less is a fringe of something else, on which the points' own votes decide."""
DOUBT = 0.2
"""Vote "not here" that every point has to begin with, against 1 of a view that is surely right."""


@dataclass(frozen=True)
class Consistency:
    """What the views agree on.

    region: [S] int32 candidate region of each superpoint, -1 for none. agreement: on the R regions. weights: [V, S]
    what each view's vote counts on each superpoint.
    """

    region: np.ndarray
    agreement: Agreement
    weights: np.ndarray

    @property
    def chances(self) -> np.ndarray:
        """[S] probability that what the superpoint belongs to is target, 1 where no region tells."""
        return np.append(self.agreement.regions, 1.0)[self.region]


@dataclass(frozen=True)
class Candidates:
    """Regions that may be the target, and what the views made of them.

    region: [S] int32, candidate of each superpoint, -1 for none. share: [V, R] part of what a view sees of the
    region that it took. clarity: [V, R] how well it sees it, 0..1. sizes: [V, R] share of the image that it covers.
    """

    region: np.ndarray
    share: np.ndarray
    clarity: np.ndarray
    sizes: np.ndarray

    def agree(self, faults: np.ndarray) -> Consistency:
        """Weigh what the views made of the regions; ``faults`` [V], probability that a view is wrong by what else is
        known.
        """
        agreement = agree(self.share, self.clarity, self.sizes, faults)
        deciding = agreement.views[:, None] * np.clip(self.share, 0.02, 1.0)
        weights = np.column_stack([deciding, agreement.views])[:, self.region]
        return Consistency(self.region, agreement, weights)


def find_candidates(scene: LiftScene, sampled: Sequence[np.ndarray | None]) -> Candidates:
    """Join superpoints that views took to regions, fringes left out.

    Args:
        scene: of V views.
        sampled: their masks at the points that they see, None for abstentions.
    """
    votes, seen, sizes = scene.votes(sampled), scene.seen, scene.pieces.sizes
    region = candidate_regions(votes, seen, sizes, scene.pieces.pairs)
    member = _members(region)
    looks, cover = seen @ member, scene.shares @ member
    share = (votes @ member) / np.maximum(looks, 1)
    known = np.maximum(seen.max(axis=0, initial=0) @ member, 1)
    clarity = np.minimum(cover / CLEAR_SHARE, 1.0) * np.minimum(looks / (CLEAR_PART * known), 1.0)
    part = cover * share / np.maximum((cover * share).sum(axis=1, keepdims=True), 1e-12)
    told = ((clarity >= _LEAST_CLEAR) & (share >= TAKEN) & (part >= _LEAST_PART)).any(axis=0)
    region = np.append(np.where(told, np.cumsum(told) - 1, -1), -1)[region].astype(np.int32)
    return Candidates(region, share[:, told], clarity[:, told], cover[:, told])


def _members(region: np.ndarray) -> np.ndarray:
    """[S, R] float32 1 where superpoint s is of region r."""
    member = np.zeros((len(region), int(region.max(initial=-1)) + 1), np.float32)
    rows = np.flatnonzero(region >= 0)
    member[rows, region[rows]] = 1
    return member


def spread_to_unseen(
    scene: LiftScene, probability: np.ndarray, confidence: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probability and confidence [N] in which unseen points take after what is around them, NaN and 0 if nothing is."""
    labels, sizes = scene.pieces.labels, scene.pieces.sizes
    known = ~np.isnan(probability)
    count = np.bincount(labels, known, len(sizes))
    mean = np.bincount(labels, np.where(known, probability, 0), len(sizes)) / np.maximum(count, 1)
    trust = np.bincount(labels, np.where(known, confidence, 0), len(sizes)) / sizes
    value, sure = spread(scene.pieces, mean, trust)
    filled = np.where(sure > 0, value, np.nan)[labels]
    return (
        np.where(known, probability, filled).astype(np.float32),
        np.where(known, confidence, sure[labels]).astype(np.float32),
    )
