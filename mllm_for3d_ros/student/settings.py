"""Hyperparameters of the student's training, and the rate of a step."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from mllm_for3d_ros.student.augmentation import AugmentationSettings

PRECISIONS = ("float32", "bf16")


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses; that of L_semantic is 1."""

    contrast: float = 0.5
    spatial: float = 0.5
    presence: float = 0.3
    token: float = 0.2


@dataclass(frozen=True)
class StudentSettings:
    """``steps`` of ``batch`` scenes (a process), AdamW, cosine schedule after a warm-up, EMA of the weights.

    warm_up: share of the steps over which the rate rises; then it falls to ``final_rate`` of it.
    projector_rate: share of the rate that the query projector learns at, small where it starts trained.
    embedding_noise: standard deviation added to sentence embeddings. token_share: how often the lifted token q
    stands for the text. ema: share of the average that stays. loss_voxels: so many random voxels of a scene bear
    the losses of a step. confidence_floor: weight of a voxel of confidence 0. max_gradient: norm that gradients
    are clipped to. precision: "bf16" computes in bfloat16 where that is safe (autocast).
    """

    steps: int = 2000
    batch: int = 2
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warm_up: float = 0.1
    final_rate: float = 0.0
    projector_rate: float = 0.02
    embedding_noise: float = 0.02
    token_share: float = 0.3
    ema: float = 0.995
    loss_voxels: int = 14000
    confidence_floor: float = 0.25
    max_gradient: float = 5.0
    precision: str = "float32"
    seed: int = 0
    losses: LossWeights = field(default_factory=LossWeights)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)

    def as_json(self) -> dict[str, Any]:
        """For cards and checkpoints."""
        return asdict(self)

    def rate_at(self, step: int) -> float:
        """Share of the learning rate at ``step`` (0 is the first)."""
        rising = max(1, round(self.warm_up * self.steps))
        if step < rising:
            return (step + 1) / rising
        done = (step - rising) / max(1, self.steps - rising)
        return self.final_rate + (1 - self.final_rate) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
