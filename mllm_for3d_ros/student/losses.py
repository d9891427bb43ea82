"""The student's losses, all from pseudo-labels.

Source: MLLM-For3D (NeurIPS 2025): L = L_semantic + lambda L_spatial; here L_semantic also has a dice
term, and the student learns whether the target is there at all and to guess q from the text.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

PRESENT = 0.5
"""An instruction whose pseudo-label has at least this presence, a probability, counts as present."""


def semantic_loss(
    logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor, presence: torch.Tensor
) -> torch.Tensor:
    """BCE + dice over the known voxels; present and absent instructions weigh alike.

    Args:
        logits: [Q, N].
        target: [Q, N] soft labels in 0..1.
        weight: [Q, N] how far to trust each, 0 where no view saw the voxel.
        presence: [Q] in 0..1.
    """
    binary = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    per_query = (binary * weight).sum(1) / weight.sum(1).clamp(min=1)
    probability = logits.sigmoid()
    overlap = 2 * (weight * probability * target).sum(1) + 1
    dice = 1 - overlap / ((weight * (probability.square() + target.square())).sum(1) + 1)
    present = presence >= PRESENT
    return _mean(4 * per_query[present] + dice[present]) + _mean(4 * per_query[~present])


def contrast_loss(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each voxel over "none" and the instructions: the scene's others are negatives.

    An instruction takes no part in a voxel that it knows nothing of.

    Args:
        logits: [Q, N]; "none" has logit 0.
        target: [Q, N] soft labels in 0..1, scaled down where they sum to more than 1.
        weight: [Q, N] how far to trust each, 0 where unknown; a voxel weighs as much as the mean of the known.
    """
    known = weight > 0
    share = target * known
    share = share / share.sum(0).clamp(min=1)
    none = 1 - share.sum(0, keepdim=True)
    rivals = logits.masked_fill(~known, float("-inf"))
    scores = F.log_softmax(torch.cat([torch.zeros_like(none), rivals]), dim=0)
    losses = -none[0] * scores[0] - (share * scores[1:].masked_fill(~known, 0)).sum(0)
    trust = weight.sum(0) / known.sum(0).clamp(min=1)
    return (losses * trust).sum() / trust.sum().clamp(min=1)


def spatial_loss(features: torch.Tensor, lifted: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """1 - cos(f_p, f2D_p) over the seen voxels; ``features`` and ``lifted`` are [N, D], ``seen`` [N] bool."""
    return _mean(1 - F.cosine_similarity(features[seen], lifted[seen], dim=1))


def token_loss(guessed: torch.Tensor, queries: torch.Tensor, presence: torch.Tensor) -> torch.Tensor:
    """1 - cos between tokens guessed from text and unified query tokens [Q, D], over present instructions."""
    present = (presence >= PRESENT) & (queries.abs().sum(1) > 0)
    return _mean(1 - F.cosine_similarity(guessed[present], queries[present], dim=1))


def presence_loss(logits: torch.Tensor, presence: torch.Tensor) -> torch.Tensor:
    """BCE of presence logits [Q] against whether the pseudo-label is present; uncertain ones weigh less."""
    certainty = ((presence - PRESENT).abs() / (1 - PRESENT)).clamp(max=1)
    target = (presence >= PRESENT).float()
    return _mean(F.binary_cross_entropy_with_logits(logits, target, reduction="none") * certainty)


def _mean(values: torch.Tensor) -> torch.Tensor:
    """Mean, and 0 of nothing."""
    return values.mean() if values.numel() else values.sum()
