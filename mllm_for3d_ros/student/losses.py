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
    logits: torch.Tensor, target: torch.Tensor, known: torch.Tensor, presence: torch.Tensor
) -> torch.Tensor:
    """BCE + dice over the known voxels; present and absent instructions weigh alike.

    Args:
        logits: [Q, N].
        target: [Q, N] soft labels in 0..1.
        known: [Q, N] bool, False where no view saw the voxel.
        presence: [Q] in 0..1.
    """
    weight = known.float()
    binary = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    per_query = (binary * weight).sum(1) / weight.sum(1).clamp(min=1)
    probability, wanted = logits.sigmoid() * weight, target * weight
    overlap = 2 * (probability * wanted).sum(1) + 1
    dice = 1 - overlap / (probability.square().sum(1) + wanted.square().sum(1) + 1)
    present = presence >= PRESENT
    return _mean(4 * per_query[present] + dice[present]) + _mean(4 * per_query[~present])


def contrast_loss(logits: torch.Tensor, target: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each known voxel over "none" and the instructions: the scene's others are negatives.

    Args:
        logits: [Q, N]; "none" has logit 0.
        target: [Q, N] soft labels in 0..1, scaled down where they sum to more than 1.
        known: [Q, N] bool.
    """
    seen = known.all(0)
    share = target[:, seen] / target[:, seen].sum(0).clamp(min=1)
    none = 1 - share.sum(0, keepdim=True)
    scores = F.log_softmax(torch.cat([torch.zeros_like(none), logits[:, seen]]), dim=0)
    return _mean(-(torch.cat([none, share]) * scores).sum(0))


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
    return (F.binary_cross_entropy_with_logits(logits, target, reduction="none") * certainty).mean()


def _mean(values: torch.Tensor) -> torch.Tensor:
    """Mean, and 0 of nothing."""
    return values.mean() if values.numel() else values.sum()
