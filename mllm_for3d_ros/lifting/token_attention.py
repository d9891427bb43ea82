"""Token-for-Query: which views to trust, and one query token for the scene.

Source: MLLM-For3D (NeurIPS 2025), view filtering by token attention. With the token e_i and the confidence
alpha_i of view i::

    s_i = e_i . q            agreement of the view with the query
    omega_i ~ alpha_i max(0, s_i),  sum omega_i = 1
    q = sum omega_i e_i      the unified query, one a (scene, instruction)

The paper leaves open how q starts, and a start from the alpha-weighted mean lets a few sure but wrong views
pull it over. Here, in this order (e_i scaled to unit length throughout):

1. q starts at the medoid, the token whose sum of cosines to all others is greatest, whatever the alphas:
   two of five views cannot win, however sure or alike they are (cf. Kaufman and Rousseeuw, Partitioning
   around medoids, 1990). From there q goes to the mean of the half of the tokens that agree best with it,
   until that half settles (concentration steps of least trimmed squares: Rousseeuw and Van Driessen, 1999).
2. Views whose s_i lies far below that of the better half are outliers: they are dropped, with the reason,
   and stay out.
3. Over the views left the equations above are iterated until omega settles. Alphas that tell nothing are
   levelled first: alpha_i becomes r alpha_i + (1 - r) mean(alpha), with r >= 0 the correlation of alpha
   and agreement, so that scores that are equal, or drawn at random, do not decide.

Where something else already tells which views to trust (the agreement of their masks in 3D, see
``agreement``), q starts at the mean token weighted by that trust instead, and omega is multiplied by it.

A view without a token takes the mean agreement of those that have one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAX_ITERATIONS = 50
TOLERANCE = 1e-6
SLACK = 0.15
"""Least difference of cosines that makes an outlier, however well the better half agrees."""
_SPREAD = 2.0  # times the distance of the better half from the medoid: more is an outlier
_CREDULITY = 0.5  # share of differences of alpha believed where fewer than three views tell of their worth


@dataclass(frozen=True)
class Attention:
    """What the tokens say of the views.

    weights: [V] float32 omega, sums to 1, or all 0 if no view has confidence. query: [D] float32 unified q,
    the weighted sum of the tokens as given, or None if no weighted view has a token. agreement: [V] float32
    s_i, cosine to q, in -1..1. doubt: [V] float32 from 0 for views that agree as the better half does to 1 for
    outliers. dropped: [V] why a view has no weight, None where it has.
    """

    weights: np.ndarray
    query: np.ndarray | None
    agreement: np.ndarray
    doubt: np.ndarray
    dropped: tuple[str | None, ...]


def token_attention(
    tokens: Sequence[np.ndarray | None], confidences: np.ndarray, trust: np.ndarray | None = None
) -> Attention:
    """Weights of the views and the unified query token.

    Args:
        tokens: one token e_i [D] a view, or None.
        confidences: [V] alpha_i >= 0.
        trust: [V] > 0, how far each view is to be trusted by what else is known; None if nothing is.

    Raises:
        ValueError: shapes differ, a value is not finite, or a confidence is negative.
    """
    alphas = np.asarray(confidences, np.float64)
    rows = [np.asarray(token, np.float64) for token in tokens if token is not None]
    if alphas.shape != (len(tokens),) or any(row.ndim != 1 or row.shape != rows[0].shape for row in rows):
        raise ValueError(f"expected a confidence and a token of one length a view, got {alphas.shape} confidences")
    stacked = np.stack(rows) if rows else np.zeros((0, 1))
    if not (np.isfinite(stacked).all() and np.isfinite(alphas).all()) or (alphas < 0).any():
        raise ValueError("tokens and confidences must be finite and confidences not negative")
    voting = alphas > 0
    stacked = stacked[voting[[i for i, token in enumerate(tokens) if token is not None]]]
    having = [i for i, token in enumerate(tokens) if token is not None and voting[i]]
    directions = stacked / np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-12)
    first, middle = _start(directions, None if trust is None else np.asarray(trust, np.float64)[having])
    least = max(0.0, middle - max(SLACK, _SPREAD * (1.0 - middle))) if len(having) >= 3 else 0.0
    dropped = [None if votes else "no confidence" for votes in voting]
    for i, s in zip(having, first, strict=True):
        if s < least:
            dropped[i] = f"its token disagrees (cosine {s:.2f}, the others at least {least:.2f})"
    kept = np.array([reason is None for reason in dropped])
    weights, agreement = _fixed_point(directions, having, first, alphas * kept, trust)
    with_token = weights[having]
    query = (with_token @ stacked).astype(np.float32) if with_token.sum() > 0 else None
    doubt = np.zeros(len(tokens), np.float32)
    doubt[having] = np.clip((middle - first) / max(middle - least, 1e-9), 0.0, 1.0)
    return Attention(weights.astype(np.float32), query, agreement.astype(np.float32), doubt, tuple(dropped))


def _start(directions: np.ndarray, trust: np.ndarray | None) -> tuple[np.ndarray, float]:
    """Agreement [T] of the tokens with the first query, and what is usual among those to be trusted."""
    if not len(directions):
        return np.zeros(0), 1.0
    if trust is not None:
        agreement = directions @ _mean_direction(directions * trust[:, None])
        return agreement, float(np.average(agreement, weights=trust))
    agreement = directions @ _robust_query(directions)
    return agreement, float(np.median(np.sort(agreement)[::-1][: len(agreement) // 2 + 1]))


def _robust_query(directions: np.ndarray) -> np.ndarray:
    """The unit direction [D] of the half of the tokens [T, D] that agrees best with itself."""
    sums = (directions @ directions.T).sum(axis=1)
    query = _mean_direction(directions[sums >= sums.max() - 1e-9])
    half, kept = len(directions) // 2 + 1, np.zeros(0, np.int64)
    for _ in range(MAX_ITERATIONS):
        agreement = directions @ query
        best = np.flatnonzero(agreement >= np.sort(agreement)[-half] - 1e-9)
        if np.array_equal(best, kept):
            break
        query, kept = _mean_direction(directions[best]), best
    return query


def _mean_direction(directions: np.ndarray) -> np.ndarray:
    mean = directions.mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-12)


def _fixed_point(
    directions: np.ndarray, having: list[int], start: np.ndarray, alphas: np.ndarray, trust: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Weights omega [V] and agreement s [V] after iterating the paper's equations from the agreement ``start`` [T]."""
    agreement = _for_all(start, having, alphas)
    weights = np.zeros(len(alphas))
    for _ in range(MAX_ITERATIONS):
        raw = _levelled(alphas, agreement, having) * np.maximum(0.0, agreement)
        raw = raw if trust is None else raw * trust
        if raw.sum() <= 0:
            raw = alphas
        if raw.sum() <= 0:
            break
        updated = raw / raw.sum()
        settled = np.abs(updated - weights).max() < TOLERANCE
        weights = updated
        query = weights[having] @ directions
        length = float(np.linalg.norm(query))
        if settled or length <= 0:
            break
        agreement = _for_all(directions @ (query / length), having, alphas)
    return weights, agreement


def _for_all(agreement: np.ndarray, having: list[int], alphas: np.ndarray) -> np.ndarray:
    """[V] agreement of all views from that of those with tokens [T]; the others take the mean of the kept."""
    kept = alphas[having] > 0
    middle = float(agreement[kept].mean()) if kept.any() else 1.0
    filled = np.full(len(alphas), middle)
    filled[having] = agreement
    return filled


def _levelled(alphas: np.ndarray, agreement: np.ndarray, having: list[int]) -> np.ndarray:
    """Confidences [V] drawn to their mean as far as they tell nothing of agreement."""
    voting = alphas > 0
    told = np.intersect1d(np.flatnonzero(voting), having)
    belief = _CREDULITY
    if len(told) >= 3:
        a, s = alphas[told], agreement[told]
        spread = float(a.std() * s.std())
        belief = float(np.clip(np.mean((a - a.mean()) * (s - s.mean())) / spread, 0, 1)) if spread > 1e-9 else belief
    mean = float(alphas[voting].mean()) if voting.any() else 0.0
    return np.where(voting, belief * alphas + (1 - belief) * mean, 0.0)
