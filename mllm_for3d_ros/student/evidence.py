"""What a scene's labels look like where an instruction is answered most strongly: what a ``judge`` goes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.student.scene_store import TrainingScene
from mllm_for3d_ros.student.voxels import STUDENT_VOXEL

REACH = 1.0
"""m from the strongest voxel along each axis: what is looked at."""
_PEAK, _CANDIDATES = 10, 30
_STRONGEST = (10, 30, 100)
_LEAST = 1e-6


@dataclass(frozen=True)
class Opinion:
    """Somebody's answers to the Q instructions of a scene: claims [Q, M] 0..1 for its voxels; presence [Q] 0..1."""

    claims: np.ndarray
    presence: np.ndarray


def evidence(scene: TrainingScene, opinions: Sequence[Opinion], concepts: np.ndarray) -> np.ndarray:
    """What a judge reads of each instruction of a scene, [Q, E] float32.

    Args:
        scene: with M voxels and Q instructions; its labels are not read.
        opinions: on the scene.
        concepts: [Q] class of ``CLASS_NAMES`` that each instruction means, their number for something else.
    """
    rows = []
    for row in range(len(concepts)):
        parts = [_of_opinion(scene, opinion, row, concepts) for opinion in opinions]
        rows.append(np.concatenate(parts))
    return np.stack(rows).astype(np.float32)


def _of_opinion(scene: TrainingScene, opinion: Opinion, row: int, concepts: np.ndarray) -> np.ndarray:
    """Presence, form, 2D features and rivals of one instruction in one opinion."""
    own = opinion.claims[row]
    near = _near_peak(scene.coords, own)
    weight = own[near] * (own[near] >= 0.5 * _strongest(own[near], _PEAK))
    total = max(float(weight.sum()), _LEAST)
    seen = weight * scene.seen[near]
    features = seen @ scene.features[near].astype(np.float32) / max(float(seen.sum()), _LEAST)
    rivals = np.zeros(len(CLASS_NAMES) + 1)
    np.maximum.at(rivals, concepts, opinion.claims[:, near] @ weight / total)
    presence = np.clip(opinion.presence[row], 1e-3, 1 - 1e-3)
    form = _form(scene.coords[near] * STUDENT_VOXEL, scene.inputs[near].astype(np.float32), weight / total)
    strength = [np.log1p(own[near].sum()), *(_strongest(own, number) for number in _STRONGEST)]
    return np.concatenate([[np.log(presence / (1 - presence))], strength, form, features, rivals])


def _near_peak(coords: np.ndarray, claim: np.ndarray) -> np.ndarray:
    """Voxels [n] within ``REACH`` of the strongest: of those the one in the midst of the very strongest."""
    order = np.argsort(-claim)[:_CANDIDATES]
    middle = np.median(coords[order[:_PEAK]], axis=0)
    peak = coords[order[np.abs(coords[order] - middle).sum(1).argmin()]]
    return np.flatnonzero((np.abs(coords - peak) <= REACH / STUDENT_VOXEL).all(1))


def _form(points: np.ndarray, inputs: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Size, spread, extent and mean inputs [17] of points [n, 3] in m that make up ``share`` [n] each, of sum 1."""
    chosen = share > 0
    if not chosen.any():
        return np.zeros(9 + inputs.shape[1])
    offset = points - share @ points
    spread = (offset * share[:, None]).T @ offset
    across = np.linalg.eigvalsh(spread[:2, :2]).clip(0)
    heights = inputs[chosen, 6]
    return np.concatenate(
        [
            [np.log1p(chosen.sum()), np.sqrt(max(spread[2, 2], 0)), heights.min(), heights.max()],
            np.sqrt(across), np.ptp(points[chosen], axis=0), share @ inputs,
        ]
    )  # fmt: skip


def _strongest(values: np.ndarray, number: int) -> float:
    top = min(number, len(values))
    return float(np.partition(values, -top)[-top:].mean()) if top else 0.0
