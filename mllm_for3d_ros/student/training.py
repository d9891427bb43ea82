"""Trains the student on the pseudo-labels of many scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mllm_for3d_ros.checkpoint import load_training_state, save_training_state
from mllm_for3d_ros.student.losses import PRESENT, contrast_loss, presence_loss, semantic_loss, spatial_loss, token_loss
from mllm_for3d_ros.student.network import LEVELS, StudentNetwork
from mllm_for3d_ros.student.scene_store import UNSEEN, TrainingScene
from mllm_for3d_ros.student.sparse import Level, build_levels
from mllm_for3d_ros.student.symmetry import turn

_SCENE_SPACING = 4096
"""Shift along x, in voxels, between the scenes of a batch: they never touch."""


@dataclass(frozen=True)
class StudentSettings:
    """Hyperparameters: steps of ``batch`` scenes, AdamW with a one-cycle schedule, EMA of the weights.

    loss_voxels: so many random voxels of a scene bear the losses of a step.
    """

    steps: int = 2000
    batch: int = 2
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    spatial_weight: float = 0.5
    token_weight: float = 0.2
    embedding_noise: float = 0.02
    ema: float = 0.995
    loss_voxels: int = 14000
    seed: int = 0


@dataclass(frozen=True)
class _Batch:
    """Scenes side by side: inputs [N, 8] and levels of all; slices of the rows of each."""

    inputs: torch.Tensor
    levels: list[Level]
    slices: tuple[slice, ...]
    scenes: tuple[TrainingScene, ...]


def turned(coords: np.ndarray, inputs: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A quarter turn about z and a mirror image, by chance; colours and heights get a little noise.

    No shipped phrasing says left or right, so a mirror image contradicts none.
    """
    coords, inputs = turn(coords, inputs.astype(np.float32), int(rng.integers(4)), bool(rng.random() < 0.5))
    inputs[:, :3] = inputs[:, :3] * rng.uniform(0.8, 1.2, 3) + rng.uniform(-0.1, 0.1)
    inputs[:, 6] += rng.normal(0, 0.03)
    return coords, inputs.astype(np.float32)


class StudentTraining:
    """The state of a run over ``paths`` (files of TrainingScene); resumes from a checkpoint in ``folder``."""

    def __init__(
        self,
        paths: Sequence[Path],
        embeddings: torch.Tensor,
        network: StudentNetwork,
        folder: Path,
        settings: StudentSettings,
    ) -> None:
        """``embeddings`` [P, 384] are those of the phrase bank; ``network`` starts with the teacher's text head."""
        torch.manual_seed(settings.seed)
        self._paths, self._embeddings, self._settings = list(paths), embeddings, settings
        self._checkpoint = folder / "student_training.pt"
        self.network = network.train()
        self.average = torch.optim.swa_utils.AveragedModel(
            network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings.ema), use_buffers=True
        )
        gentle = list(network.projector.parameters())
        rest = [p for name, p in network.named_parameters() if not name.startswith("projector.")]
        rate = settings.learning_rate
        self._optimizer = torch.optim.AdamW(
            [{"params": rest, "lr": rate}, {"params": gentle, "lr": rate * 0.02}], weight_decay=settings.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, [rate, rate * 0.02], settings.steps + 1, pct_start=0.1
        )
        self._step = 0

    def run(self, report: Callable[[int, dict[str, float]], None], save_every: int = 100) -> StudentNetwork:
        """Train to the end; ``report(step, losses)`` after each step. Returns the averaged network."""
        self._step = load_training_state(self._checkpoint, self._parts())
        while self._step < self._settings.steps:
            losses = self._train_step(self._batch(self._step))
            self._step += 1
            report(self._step, losses)
            if self._step % save_every == 0:
                save_training_state(self._checkpoint, self._step, self._parts())
        save_training_state(self._checkpoint, self._step, self._parts())
        network: StudentNetwork = self.average.module
        return network.eval()

    def _batch(self, step: int) -> _Batch:
        rng = np.random.default_rng([self._settings.seed, step])
        chosen = rng.choice(len(self._paths), self._settings.batch, replace=False)
        scenes = tuple(TrainingScene.load(self._paths[i]) for i in chosen)
        coords, inputs, slices, start = [], [], [], 0
        for index, scene in enumerate(scenes):
            c, x = turned(scene.coords, scene.inputs, rng)
            c[:, 0] += index * _SCENE_SPACING
            coords.append(c)
            inputs.append(x)
            slices.append(slice(start, start + len(c)))
            start += len(c)
        levels = build_levels(torch.from_numpy(np.concatenate(coords)), LEVELS, finest=False)
        return _Batch(torch.from_numpy(np.concatenate(inputs)), levels, tuple(slices), scenes)

    def _train_step(self, batch: _Batch) -> dict[str, float]:
        embeddings, spatial = self.network.unet(batch.inputs, batch.levels)
        losses: dict[str, torch.Tensor] = {}
        for rows, scene in zip(batch.slices, batch.scenes, strict=True):
            for name, value in self._scene_losses(embeddings[rows], spatial[rows], scene).items():
                losses[name] = losses.get(name, torch.zeros(())) + value / len(batch.scenes)
        weights = {
            "spatial": self._settings.spatial_weight,
            "token": self._settings.token_weight,
            "presence": 0.3,
            "contrast": 0.5,
        }
        total = torch.stack([weights.get(name, 1.0) * value for name, value in losses.items()]).sum()
        self._optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self._optimizer.step()
        self._schedule.step()
        self.average.update_parameters(self.network)
        return {name: float(value.detach()) for name, value in losses.items()}

    def _scene_losses(
        self, embeddings: torch.Tensor, spatial: torch.Tensor, scene: TrainingScene
    ) -> dict[str, torch.Tensor]:
        chosen = torch.randperm(len(embeddings))[: self._settings.loss_voxels]
        embeddings, spatial = embeddings[chosen], spatial[chosen]
        text = self._embeddings[torch.from_numpy(scene.phrases)]
        attention = self.network.projector.attention(text + self._settings.embedding_noise * torch.randn_like(text))
        guessed = attention @ self.network.projector.concepts
        queries = torch.from_numpy(scene.queries).float()
        presence = torch.from_numpy(scene.presence)
        use_query = (torch.rand(len(queries)) < 0.3) & (presence >= PRESENT) & (queries.abs().sum(1) > 0)
        tokens = torch.where(use_query[:, None], queries, guessed)
        stored = torch.from_numpy(scene.labels)[:, chosen]
        logits = self.network.mask_logits(embeddings, tokens)
        target, known = (stored.float() / 254.0).clamp(max=1.0), stored != UNSEEN
        return {
            "semantic": semantic_loss(logits, target, known, presence),
            "contrast": contrast_loss(logits, target, known),
            "spatial": spatial_loss(
                spatial, torch.from_numpy(scene.features)[chosen].float(), torch.from_numpy(scene.seen)[chosen]
            ),
            "token": token_loss(guessed, queries, presence),
            "presence": presence_loss(self.network.presence_logits(embeddings, logits, attention), presence),
        }

    def _parts(self) -> dict[str, Any]:
        """What a checkpoint holds beside the step."""
        return {
            "network": self.network,
            "average": self.average,
            "optimizer": self._optimizer,
            "schedule": self._schedule,
        }
