"""Unprojection and votes: 2D answers of posed views become soft labels of 3D points.

Source: MLLM-For3D (NeurIPS 2025), unprojection with a depth test and omega-weighted votes. Beyond the
paper, a view that abstains votes "not here" for the points that it sees, with the weight
``ABSTENTION_WEIGHT`` of an average view, so that a hallucination in one view is outvoted by the views
that looked at the same place and saw nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.lifting.token_attention import token_attention
from mllm_for3d_ros.scene.projection import visible_pixels
from mllm_for3d_ros.types import Frame, PseudoLabel, ViewAnswer

ABSTENTION_WEIGHT = 0.5
PRESENCE_POINTS = 30


@dataclass(frozen=True)
class Visibility:
    """Which points a view sees, and where: indices [M] int64, u and v [M] int32 pixels."""

    indices: np.ndarray
    u: np.ndarray
    v: np.ndarray


def see(points: np.ndarray, frames: Sequence[Frame], tolerance: float = 0.05) -> list[Visibility]:
    """Depth-tested visibility of ``points`` [N, 3] float32 m in every frame; tolerance in metres."""
    return [Visibility(*visible_pixels(points, frame, tolerance)) for frame in frames]


def lift(instruction: str, count: int, visibility: Sequence[Visibility], answers: Sequence[ViewAnswer]) -> PseudoLabel:
    """Lift the answers of all views to ``count`` points.

    Raises:
        ValueError: ``answers`` and ``visibility`` are not of the same views.
    """
    if len(visibility) != len(answers):
        raise ValueError(f"{len(answers)} answers for {len(visibility)} views; give one answer a view")
    weights, query = _view_weights(answers)
    votes, total = np.zeros(count, np.float32), np.zeros(count, np.float32)
    for seen, answer, weight in zip(visibility, answers, weights, strict=True):
        if weight > 0:
            total[seen.indices] += weight
            if answer.abstained is None:
                votes[seen.indices] += weight * answer.mask[seen.v, seen.u]
    probability = np.full(count, np.nan, np.float32)
    np.divide(votes, total, out=probability, where=total > 0)
    kept = np.array([a.abstained is None for a in answers])
    trusted = np.where(kept, weights, 0)
    trusted = trusted / trusted.sum() if trusted.sum() > 0 else trusted
    return PseudoLabel(
        instruction,
        probability,
        np.where(total > 0, 1.0, 0.0).astype(np.float32),
        query,
        trusted.astype(np.float32),
        tuple(a.abstained for a in answers),
        strongest(probability),
    )


def strongest(probability: np.ndarray, points: int = PRESENCE_POINTS) -> float:
    """Mean probability of the ``points`` strongest points (unseen ones count 0): is anything there at all?"""
    known = np.nan_to_num(probability, nan=0.0)
    if len(known) < points:
        return float(known.sum() / points)
    return float(np.partition(known, -points)[-points:].mean())


def _view_weights(answers: Sequence[ViewAnswer]) -> tuple[np.ndarray, np.ndarray | None]:
    """Vote of every view (mean 1 over those that answer) and the unified query token."""
    weights = np.full(len(answers), ABSTENTION_WEIGHT, np.float32)
    kept = [i for i, a in enumerate(answers) if a.abstained is None and a.token is not None]
    if not kept:
        return weights, None
    tokens = [token for token in (answers[i].token for i in kept) if token is not None]
    omega, query = token_attention(np.stack(tokens), np.array([answers[i].score for i in kept], np.float32))
    weights[kept] = omega * len(kept)
    return weights, query
