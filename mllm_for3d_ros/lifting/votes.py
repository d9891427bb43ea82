"""Votes of views on points and on superpoints.

Source: MLLM-For3D (NeurIPS 2025), unprojection with a depth test: the label of a point is the weighted mean
of the masks of the views that see it. Voting on pieces of geometry instead of points: e.g. Guo et al., SAM-
guided Graph Cut (ECCV 2024); Yin et al., SAI3D (CVPR 2024).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mllm_for3d_ros.lifting.lift_scene import LiftScene
from mllm_for3d_ros.types import ViewAnswer

_IMPURE = (0.5, 0.95)
"""Share of the greatest possible spread of votes between the cells of a superpoint from which, and to which, its
cells are trusted more and more against their mean: it may hold two objects."""


def sample_masks(scene: LiftScene, answers: Sequence[ViewAnswer]) -> list[np.ndarray | None]:
    """[M] mask of each view at the points that it sees, clipped to 0..1, NaN to 0; None for views that abstain."""
    return [
        None if answer.abstained is not None else np.fmin(np.fmax(view.sample(answer.mask), 0), 1)
        for view, answer in zip(scene.visibility, answers, strict=True)
    ]


def point_votes(
    scene: LiftScene, sampled: Sequence[np.ndarray | None], weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted votes for, and all weights, of each point.

    Args:
        scene: of V views.
        sampled: from ``sample_masks``; an abstention votes 0.
        weights: [V] weight of each view, or [V, S] weight of each view on each superpoint.

    Returns:
        votes, total [N] float32.
    """
    votes, total = np.zeros(len(scene), np.float32), np.zeros(len(scene), np.float32)
    for view, seen, masks, weight in zip(scene.visibility, scene.pieces_seen, sampled, weights, strict=True):
        if not np.any(weight):
            continue
        own = weight if np.ndim(weight) == 0 else weight.astype(np.float32)[seen]
        total[view.indices] += own
        if masks is not None:
            votes[view.indices] += own * masks
    return votes, total


def on_superpoints(scene: LiftScene, votes: np.ndarray, total: np.ndarray) -> np.ndarray:
    """[N] float32 probability from votes taken together on superpoints, NaN where no view sees any of it.

    Where the cells of a superpoint contradict each other, it holds two things, and they speak for themselves.
    """
    labels, cells = scene.pieces.labels, scene.cells
    piece_of = np.zeros(int(cells.max(initial=-1)) + 1, np.int64)
    piece_of[cells] = labels
    cell_votes, cell_total = np.bincount(cells, votes), np.bincount(cells, total)
    count = len(scene.pieces)
    weight = np.bincount(piece_of, cell_total, count)
    mean = np.bincount(piece_of, cell_votes, count) / np.maximum(weight, 1e-12)
    own = cell_votes / np.maximum(cell_total, 1e-12)
    square = np.bincount(piece_of, cell_total * own**2, count) / np.maximum(weight, 1e-12)
    spread = np.maximum(square - mean**2, 0) / np.maximum(mean * (1 - mean), 1e-6)
    trust = np.clip((spread - _IMPURE[0]) / (_IMPURE[1] - _IMPURE[0]), 0.0, 1.0)
    known = np.where(weight > 0, mean, np.nan)[piece_of]
    probability = np.where(cell_total > 0, known + trust[piece_of] * (own - known), known)
    return np.clip(probability, 0.0, 1.0).astype(np.float32)[cells]


def on_points(votes: np.ndarray, total: np.ndarray) -> np.ndarray:
    """[N] float32 probability of each point for itself, NaN where no view sees it."""
    probability = np.full(len(votes), np.nan, np.float32)
    return np.divide(votes, total, out=probability, where=total > 0)
