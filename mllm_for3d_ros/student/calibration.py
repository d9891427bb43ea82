"""Thresholds of the student, set on pseudo-labels of scenes kept out of training."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from mllm_for3d_ros.student.embedding import embed_voxels
from mllm_for3d_ros.student.losses import PRESENT
from mllm_for3d_ros.student.mask_level import mask_level
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.pieces import Smoothing, pieces_of
from mllm_for3d_ros.student.scene_store import UNSEEN, TrainingScene

MASK_SHARES = (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
"""Of the probability of the strongest voxels, see ``mask_level``."""
STRONGEST = 8
"""Student voxels that hold about ``mask_level.STRONGEST`` map voxels."""
ALIKE = 0.0125
"""Presence thresholds whose balanced accuracy is this near the best are alike: a few dozen scenes tell no more."""
PRESENCE_THRESHOLDS = tuple(np.round(np.arange(0.05, 1.0, 0.05), 2).tolist())


def calibrate(
    network: StudentNetwork, scenes: Iterable[TrainingScene], embeddings: torch.Tensor
) -> tuple[dict[str, float], dict[str, float]]:
    """Choose thresholds on ``scenes``; ``embeddings`` [P, 384] are those of the phrases that they name.

    Returns:
        thresholds: "mask_share" of the best mean IoU against the pseudo-labels (answers smoothed over
        superpoints), "presence" of the best mean of sensitivity and specificity (of those alike the nearest to 1/2, "as
        likely there as not"); where no scene has anything present, the figures are 0; and the figures reached.
    """
    overlaps: list[list[float]] = []
    presence: list[float] = []
    wanted: list[bool] = []
    count = 0
    for scene in scenes:
        count += 1
        masks, guess = predict(network, scene, embeddings)
        presence += guess.tolist()
        wanted += (scene.presence >= PRESENT).tolist()
        smooth = Smoothing(pieces_of(scene.coords, scene.inputs))
        for query in np.flatnonzero(scene.presence >= PRESENT):
            known = scene.labels[query] != UNSEEN
            target = scene.labels[query][known] > 127
            scores = smooth(masks[query])[known]
            levels = [mask_level(scores, share, STRONGEST) for share in MASK_SHARES]
            overlaps.append([_iou(scores >= level, target) for level in levels])
    mean = np.mean(overlaps, axis=0) if overlaps else np.zeros(len(MASK_SHARES))
    best_mask = int(np.argmax(mean))
    threshold, balanced = presence_threshold(np.array(presence), np.array(wanted, bool))
    thresholds = {"mask_share": MASK_SHARES[best_mask], "presence": threshold}
    figures = {
        "scenes": count,
        "mean_iou_to_pseudo_labels": round(float(mean[best_mask]), 4),
        "balanced_presence_accuracy": round(balanced, 4),
    }
    return thresholds, figures


def presence_threshold(presence: np.ndarray, wanted: np.ndarray) -> tuple[float, float]:
    """Of ``PRESENCE_THRESHOLDS`` the one nearest to 1/2 among the best, and its balanced accuracy.

    Args:
        presence: [Q] as predicted.
        wanted: [Q] bool, what is there.
    """
    balanced = np.array([_balanced(presence >= threshold, wanted) for threshold in PRESENCE_THRESHOLDS])
    alike = np.flatnonzero(balanced >= balanced.max() - ALIKE)
    chosen = min(alike, key=lambda index: abs(PRESENCE_THRESHOLDS[index] - 0.5))
    return PRESENCE_THRESHOLDS[chosen], float(balanced[chosen])


def predict(
    network: StudentNetwork, scene: TrainingScene, embeddings: torch.Tensor, absent: torch.Tensor | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mask probability [Q, M] and presence [Q] for the instructions of a stored scene, from their text alone.

    ``absent``: see ``StudentNetwork.posterior_of``.
    """
    voxels = embed_voxels(network, scene.coords, scene.inputs.astype(np.float32))
    with torch.inference_mode():
        attention = network.projector.attention(embeddings[torch.from_numpy(scene.phrases)])
        scores = network.scores(voxels)
        posterior = network.posterior_of(scores, absent)
        asked, weights = network.inquiries(attention)
        logits, claims = asked @ scores.T, network.claims(posterior, asked)
        found = network.presence(logits, claims, asked, posterior.amax(0))
        presence, masks = network.answer(weights, found, logits, claims)
        return masks.numpy(), presence.numpy()


def _iou(mask: np.ndarray, target: np.ndarray) -> float:
    return float((mask & target).sum() / max((mask | target).sum(), 1))


def _balanced(told: np.ndarray, wanted: np.ndarray) -> float:
    """Mean of sensitivity and specificity."""
    hit = told[wanted].mean() if wanted.any() else 1.0
    rejected = (~told[~wanted]).mean() if (~wanted).any() else 1.0
    return float((hit + rejected) / 2)
