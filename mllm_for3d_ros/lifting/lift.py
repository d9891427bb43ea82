"""From the 2D answers of posed views to soft labels of 3D points.

Source: MLLM-For3D (NeurIPS 2025): unprojection with a depth test, omega-weighted votes, one query token. What
goes beyond it are votes on superpoints and the agreement of the views, each a switch of ``LiftSettings``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mllm_for3d_ros.lifting.consistency import DOUBT, Candidates, Consistency, find_candidates, spread_to_unseen
from mllm_for3d_ros.lifting.lift_scene import LiftScene
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.lifting.token_attention import Attention, token_attention
from mllm_for3d_ros.lifting.votes import on_points, on_superpoints, point_votes, sample_masks
from mllm_for3d_ros.types import PseudoLabel, ViewAnswer

ABSTENTION_WEIGHT = 0.5
"""Vote "not here" of a view that found nothing, against 1 of an average view that found something."""
PRESENCE_POINTS = 30
FAULT = 0.4
"""Probability that an answer is wrong, before anything is known of it."""
OUTLIER_FAULT = 0.85
"""The same of an answer whose token disagrees with the others."""
ROUNDS = 3
"""Of agreement on regions and of tokens in turn."""
LEAST_TRUST = 1e-3
"""In a view whose masks no other view confirms."""


def lift(
    scene: LiftScene,
    instruction: str,
    answers: Sequence[ViewAnswer],
    settings: LiftSettings | None = None,
    views: Sequence[int] | None = None,
) -> PseudoLabel:
    """Lift answers to the points of a scene.

    Args:
        scene: from ``prepare_scene``.
        instruction: kept with the label.
        answers: one a view.
        settings: which steps are taken; all by default.
        views: rows of ``scene.visibility`` that the answers are of; None for all, in order.

    Raises:
        ValueError: there is not one answer a view, or a mask does not have the size of its view.
    """
    steps = settings or LiftSettings()
    asked = _views_asked(scene, answers, views)
    sampled = sample_masks(asked, answers)
    attention, found = _attend(answers, steps.token_attention), None
    if steps.consistency:
        found, attention = _agree(find_candidates(asked, sampled), answers, steps.token_attention)
    weights = _vote_weights(answers, attention)
    votes, total = point_votes(asked, sampled, weights if found is None else found.weights)
    if found is not None:
        total = np.where(total > 0, total + np.float32(DOUBT), 0)
    probability = on_superpoints(asked, votes, total) if steps.superpoints else on_points(votes, total)
    looks = point_votes(asked, [None] * len(sampled), weights)[1]
    trust = _confidence(asked, probability, looks, steps.superpoints)
    presence = strongest(probability)
    if found is not None:
        probability = np.minimum(probability, found.chances[asked.pieces.labels]).astype(np.float32)
        probability, trust = spread_to_unseen(asked, probability, trust)
        presence = found.agreement.presence
        probability *= np.float32(min(1.0, 2.0 * presence))
    return PseudoLabel(instruction, probability, trust, attention.query, attention.weights, attention.dropped, presence)


def projection_only(
    scene: LiftScene, instruction: str, answers: Sequence[ViewAnswer], views: Sequence[int] | None = None
) -> PseudoLabel:
    """The paper's baseline: the plain mean of the unprojected masks of the views that see a point.

    Arguments and errors as of ``lift``. The mask of an abstention is 0 everywhere. The query is the plain mean of
    the tokens; there is a target as soon as a point reaches one half.
    """
    asked = _views_asked(scene, answers, views)
    votes, total = point_votes(asked, sample_masks(asked, answers), np.ones(len(answers), np.float32))
    probability = on_points(votes, total)
    return PseudoLabel(
        instruction,
        probability,
        (total > 0).astype(np.float32),
        _attend(answers, False).query,
        np.full(len(answers), 1 / max(len(answers), 1), np.float32),
        (None,) * len(answers),
        float(np.nan_to_num(probability).max(initial=0.0)),
    )


def strongest(probability: np.ndarray, points: int = PRESENCE_POINTS) -> float:
    """Mean probability of the ``points`` strongest points (unseen ones count 0): is anything there at all?"""
    known = np.nan_to_num(probability, nan=0.0)
    if len(known) < points:
        return float(known.sum() / points)
    return float(np.clip(np.partition(known, -points)[-points:].mean(), 0.0, 1.0))


def _views_asked(scene: LiftScene, answers: Sequence[ViewAnswer], views: Sequence[int] | None) -> LiftScene:
    asked = scene if views is None else scene.of(views)
    if len(asked.visibility) != len(answers):
        raise ValueError(f"{len(answers)} answers for {len(asked.visibility)} views; give one answer a view")
    for view, answer in zip(asked.visibility, answers, strict=True):
        if answer.mask.shape != view.size:
            raise ValueError(f"a mask is {answer.mask.shape} but its view {view.size}; give masks of the views' size")
    return asked


def _agree(candidates: Candidates, answers: Sequence[ViewAnswer], by_token: bool) -> tuple[Consistency, Attention]:
    """Agreement on regions and of tokens, each the start of the other: first the masks alone are compared."""
    found, attention = candidates.agree(np.full(len(answers), FAULT)), _attend(answers, False)
    for _ in range(ROUNDS if by_token else 0):
        attention = _attend(answers, True, np.maximum(found.agreement.views, LEAST_TRUST))
        found = candidates.agree(_fault_priors(attention))
    return found, attention


def _attend(answers: Sequence[ViewAnswer], by_token: bool, trust: np.ndarray | None = None) -> Attention:
    """Token attention over the views that answer, the others dropped for their own reasons."""
    kept = [i for i, answer in enumerate(answers) if answer.abstained is None]
    scores = np.array([answers[i].score if by_token else 1.0 for i in kept])
    tokens = [answers[i].token for i in kept]
    told = token_attention(tokens, scores, None if trust is None else trust[kept]) if by_token else _plain(tokens)
    weights, agreement, doubt = np.zeros((3, len(answers)), np.float32)
    weights[kept], agreement[kept], doubt[kept] = told.weights, told.agreement, told.doubt
    dropped = [answer.abstained for answer in answers]
    for i, reason in zip(kept, told.dropped, strict=True):
        dropped[i] = reason
    return Attention(weights, told.query, agreement, doubt, tuple(dropped))


def _plain(tokens: Sequence[np.ndarray | None]) -> Attention:
    """All views alike."""
    count, having = len(tokens), [token for token in tokens if token is not None]
    query = np.mean(having, axis=0).astype(np.float32) if having else None
    even = np.full(count, 1 / max(count, 1), np.float32)
    return Attention(even, query, np.ones(count, np.float32), np.zeros(count, np.float32), (None,) * count)


def _vote_weights(answers: Sequence[ViewAnswer], attention: Attention) -> np.ndarray:
    """[V] weight of each view's vote, 1 on average over the views with omega."""
    trusted = np.count_nonzero(attention.weights)
    silent = np.array([answer.abstained is not None for answer in answers], bool)
    return np.where(silent, ABSTENTION_WEIGHT, attention.weights * trusted).astype(np.float32)


def _fault_priors(attention: Attention) -> np.ndarray:
    """[V] phi_i: how likely each answer is wrong, by its token alone."""
    return FAULT + (OUTLIER_FAULT - FAULT) * np.square(attention.doubt.astype(np.float64))


def _confidence(scene: LiftScene, probability: np.ndarray, weight: np.ndarray, shared: bool) -> np.ndarray:
    """[N] how far to trust: the more views, and the more they agree, the further; 0 where unknown.

    On superpoints (``shared``) an unseen point is trusted as far as its superpoint was seen.
    """
    looks = weight / (weight + 1.0)
    if shared:
        labels, sizes = scene.pieces.labels, scene.pieces.sizes
        looks = np.where(weight > 0, looks, 0.5 * (np.bincount(labels, looks, len(sizes)) / sizes)[labels])
    decided = np.abs(2.0 * np.nan_to_num(probability, nan=0.5) - 1.0)
    return (looks * decided).astype(np.float32)
