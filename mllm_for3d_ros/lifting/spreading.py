"""What is not seen, or hardly, takes after the confident superpoints around it that look alike."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.scene.superpoints import Superpoints

ROUNDS = 3
_LIKENESS = 0.25  # difference across a border, in the units of scene.superpoints, that makes e^-1
_DECAY = 0.6  # confidence that is left after one step
_LEAST = 0.05  # confidence below which nothing is spread


def spread(pieces: Superpoints, probability: np.ndarray, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability and confidence [S] of all superpoints after spreading.

    Args:
        pieces: superpoints and which touch.
        probability: [S] 0..1, anything where confidence is 0.
        confidence: [S] 0..1, 0 where unknown.

    Returns:
        The same where it was more confident than its surroundings; confidence stays 0 where nothing
        confident is near.
    """
    a, b = pieces.pairs[:, 0], pieces.pairs[:, 1]
    bond = np.log1p(pieces.contact) * np.exp(-pieces.difference / _LIKENESS)
    value, trust = probability.astype(np.float64), confidence.astype(np.float64)
    count = len(pieces)
    for _ in range(ROUNDS):
        given = np.where(trust > _LEAST, trust, 0.0)
        weight = np.bincount(a, bond * given[b], count) + np.bincount(b, bond * given[a], count)
        total = np.bincount(a, bond * (given * value)[b], count) + np.bincount(b, bond * (given * value)[a], count)
        strength = np.bincount(a, bond * (given[b] > 0), count) + np.bincount(b, bond * (given[a] > 0), count)
        around = total / np.maximum(weight, 1e-12)
        trust_around = _DECAY * weight / np.maximum(strength, 1e-12) * np.minimum(strength, 1.0)
        own = trust / np.maximum(trust + trust_around, 1e-12)
        open_ = trust_around > trust
        value = np.where(open_, own * value + (1 - own) * around, value)
        trust = np.where(open_, trust_around, trust)
    return value.astype(np.float32), trust.astype(np.float32)
