"""Token-for-Query: which views to trust, and one query token for the scene.

Source: MLLM-For3D (NeurIPS 2025), view filtering by token attention: with the token e_i and the
confidence alpha_i of view i, s_i = e_i . q, omega_i ~ alpha_i max(0, s_i), sum omega_i = 1, and
q = sum_i omega_i e_i. The paper leaves the start open; here q starts from the alpha-weighted mean of the
tokens and the two equations are iterated until omega settles.
"""

from __future__ import annotations

import numpy as np

MAX_ITERATIONS = 50
TOLERANCE = 1e-6


def token_attention(tokens: np.ndarray, confidences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the views and the unified query token.

    Args:
        tokens: [V, D] one token e_i a view.
        confidences: [V] alpha_i >= 0.

    Returns:
        weights [V] float32 that sum to 1 (all 0 if no view has confidence) and q [D] float32.

    Raises:
        ValueError: shapes differ, a value is not finite, or a confidence is negative.
    """
    if tokens.ndim != 2 or confidences.shape != (len(tokens),):
        raise ValueError(f"expected tokens [V, D] and confidences [V], got {tokens.shape} and {confidences.shape}")
    if not (np.isfinite(tokens).all() and np.isfinite(confidences).all()) or (confidences < 0).any():
        raise ValueError("tokens and confidences must be finite and confidences not negative")
    directions = tokens.astype(np.float64)
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    directions = directions / np.maximum(lengths, 1e-12)
    total = confidences.sum()
    if total <= 0:
        return np.zeros(len(tokens), np.float32), np.zeros(tokens.shape[1], np.float32)
    weights = confidences.astype(np.float64) / total
    for _ in range(MAX_ITERATIONS):
        query = weights @ directions
        raw = confidences * np.maximum(0.0, directions @ query)
        if raw.sum() <= 0:
            break
        updated = raw / raw.sum()
        settled = np.abs(updated - weights).max() < TOLERANCE
        weights = updated
        if settled:
            break
    return weights.astype(np.float32), (weights @ tokens).astype(np.float32)
