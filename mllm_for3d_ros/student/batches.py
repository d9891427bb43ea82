"""Batches of scenes for the training: chosen, varied, laid side by side, with the targets of their losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mllm_for3d_ros.student.augmentation import AugmentationSettings, vary
from mllm_for3d_ros.student.network import LEVELS
from mllm_for3d_ros.student.scene_store import CONFIDENCE_SCALE, LABEL_SCALE, UNSEEN, TrainingScene
from mllm_for3d_ros.student.sparse import Level, build_levels

_SCENE_SPACING = 4096
"""Shift along x, in voxels, between the scenes of a batch: they never touch."""


@dataclass(frozen=True)
class Targets:
    """What the losses of one scene need, for n of its voxels and Q of its instructions.

    rows [n] int64 of the batch's voxels; target [Q, n] 0..1; weight [Q, n] how far to trust it, 0 where unknown;
    phrases [Q] int64 rows of the table of phrases; queries [Q, D]; presence [Q]; features [n, D], D = 0 if the
    scene has none; seen [n] bool.
    """

    rows: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor
    phrases: torch.Tensor
    queries: torch.Tensor
    presence: torch.Tensor
    features: torch.Tensor
    seen: torch.Tensor


@dataclass(frozen=True)
class Batch:
    """Scenes side by side: inputs [N, 8] and levels of all, and the targets of each."""

    inputs: torch.Tensor
    levels: list[Level]
    scenes: tuple[Targets, ...]


def scenes_of_step(count: int, seed: int, step: int, batch: int) -> list[int]:
    """Which of ``count`` scenes make up step ``step``: every scene once an epoch, in an order of its own."""
    chosen = []
    for place in range(step * batch, (step + 1) * batch):
        epoch, index = divmod(place, count)
        chosen.append(int(np.random.default_rng([seed, 1, epoch]).permutation(count)[index]))
    return chosen


def make_batch(
    scenes: Sequence[TrainingScene],
    rng: np.random.Generator,
    settings: AugmentationSettings,
    loss_voxels: int,
    confidence_floor: float,
    device: str = "cpu",
) -> Batch:
    """Vary the scenes and gather what their losses need.

    Args:
        scenes: with their texts, see ``SceneFiles``.
        rng: decides the variants and the voxels that bear the losses.
        settings: of the variants.
        loss_voxels: so many random voxels of a scene bear its losses.
        confidence_floor: weight of a known voxel of confidence 0; one of confidence 1 weighs 1.
        device: where the tensors go.
    """
    coords, inputs, targets, start = [], [], [], 0
    for index, scene in enumerate(scenes):
        texts = [] if scene.texts is None else scene.texts.tolist()
        variant = vary(scene.coords, scene.inputs, texts, rng, settings)
        shift = np.array([index * _SCENE_SPACING, 0, 0], np.int32)
        coords.append(variant.coords + shift)
        inputs.append(variant.inputs)
        chosen = rng.permutation(len(variant.rows))[:loss_voxels]
        targets.append(_targets(scene, chosen + start, variant.rows[chosen], variant.said, confidence_floor, device))
        start += len(variant.rows)
    levels = build_levels(torch.from_numpy(np.concatenate(coords)).to(device), LEVELS)
    _make_maps(levels)
    return Batch(torch.from_numpy(np.concatenate(inputs)).to(device), levels, tuple(targets))


def _make_maps(levels: list[Level]) -> None:
    """Make the kernel maps here, in the thread that works ahead, rather than when the network asks for them."""
    for level in levels:
        _ = level.submanifold
    for finer in levels[:-1]:
        _ = finer.down


def _targets(
    scene: TrainingScene, rows: np.ndarray, voxels: np.ndarray, said: np.ndarray, floor: float, device: str
) -> Targets:
    """Targets of the instructions ``said`` at ``voxels`` of the scene, which are ``rows`` of the batch."""
    labels = scene.labels[:, voxels][said]
    known = (labels != UNSEEN).astype(np.float32)
    weight = known
    if scene.confidence is not None:
        trust = scene.confidence[:, voxels][said].astype(np.float32) / CONFIDENCE_SCALE
        weight = known * (floor + (1 - floor) * trust)

    def tensor(values: np.ndarray, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.from_numpy(np.array(values)).to(device, dtype)

    return Targets(
        tensor(rows, torch.int64),
        tensor(labels.astype(np.float32) * known / LABEL_SCALE),
        tensor(weight),
        tensor(scene.phrases[said], torch.int64),
        tensor(scene.queries[said]),
        tensor(scene.presence[said]),
        tensor(scene.features[voxels]),
        tensor(scene.seen[voxels], torch.bool),
    )
