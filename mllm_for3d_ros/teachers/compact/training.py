"""Trains the pixel embeddings of the compact teacher on rendered views with 2D class masks.

Every step draws one training phrase a class and some for things outside the vocabulary; the frozen
text head turns them into query tokens, so the masks are learned against language, not class indices.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numba import njit
from torch.nn import functional as F

from mllm_for3d_ros.checkpoint import load_training_state, save_training_state
from mllm_for3d_ros.language.phrase_tokens import PhraseTensors
from mllm_for3d_ros.language.text_head import TextHead
from mllm_for3d_ros.rooms.recording import rooms_camera
from mllm_for3d_ros.rooms.views import LabelledViews
from mllm_for3d_ros.teachers.compact.geometry import depth_cells, geometry, mirrored
from mllm_for3d_ros.teachers.compact.network import STRIDE, PixelEmbedder

WITHHELD = 0.15
"""Share of the views whose geometry is withheld."""
HEIGHT_NOISE = 0.05
"""Standard deviation of a view's height, in units of ``geometry``: floors are not always at 0."""


@dataclass(frozen=True)
class TeacherSettings:
    """Hyperparameters: steps of ``batch`` views, AdamW with a one-cycle schedule, EMA of the weights."""

    steps: int = 4200
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.03
    outside_queries: int = 4
    embedding_noise: float = 0.02
    ema: float = 0.998
    seed: int = 0


def class_coverage(classes: torch.Tensor, count: int) -> torch.Tensor:
    """Share of every output cell that each class covers: [B, H, W] uint8 to [B, count, H/4, W/4]."""
    b, h, w = classes.shape
    votes = np.zeros((b, count, h // STRIDE, w // STRIDE), np.float32)
    _count_classes(classes.numpy(), votes)
    return torch.from_numpy(votes)


@njit(cache=True)
def _count_classes(classes: np.ndarray, votes: np.ndarray) -> None:
    """Add to ``votes`` [B, C, h, w] the share of a cell that every pixel of ``classes`` [B, H, W] is."""
    for view in range(votes.shape[0]):
        for row in range(votes.shape[2] * STRIDE):
            for column in range(votes.shape[3] * STRIDE):
                index = classes[view, row, column]
                if index < votes.shape[1]:
                    votes[view, index, row // STRIDE, column // STRIDE] += 1.0 / STRIDE**2


@dataclass(frozen=True)
class Drawn:
    """A batch for the network: image [B, 3, H, W] in 0..1, geometry [B, 6, h, w], classes [B, H, W] uint8."""

    image: torch.Tensor
    geometry: torch.Tensor
    classes: torch.Tensor


@dataclass(frozen=True)
class _Batch:
    """What a step trains on: views, coverage [B, C, h, w] of their cells, tokens [Q, 64] to ask for."""

    drawn: Drawn
    coverage: torch.Tensor
    tokens: torch.Tensor


def augment(views: LabelledViews, rng: np.random.Generator) -> Drawn:
    """Mirror, light and colour jitter; now and then all geometry is withheld, as from cameras without depth."""
    mirror = np.flatnonzero(rng.random(len(views)) < 0.5)
    color, classes = views.color.copy(), views.classes.copy()
    shapes = geometry(depth_cells(views.depth * np.float32(0.001)), rooms_camera(), views.camera_to_world)
    color[mirror], classes[mirror] = color[mirror, :, ::-1], classes[mirror, :, ::-1]
    shapes[mirror] = mirrored(shapes[mirror])
    shapes[:, 2] += shapes[:, 0] * rng.normal(0, HEIGHT_NOISE, (len(views), 1, 1))
    shapes[rng.random(len(views)) < WITHHELD] = 0
    gain = rng.uniform(0.75, 1.25, (len(color), 1, 1, 1)) * rng.uniform(0.9, 1.1, (len(color), 3, 1, 1))
    shift = rng.uniform(-0.06, 0.06, (len(color), 1, 1, 1))
    image = torch.from_numpy(color).permute(0, 3, 1, 2) * torch.from_numpy(gain / 255.0).float()
    image = image.add_(torch.from_numpy(shift).float()).clamp_(0, 1)
    return Drawn(image, torch.from_numpy(shapes), torch.from_numpy(classes))


def mask_loss(logits: torch.Tensor, coverage: torch.Tensor) -> torch.Tensor:
    """Loss of query logits [B, Q, h, w] whose first C queries ask for the C classes of ``coverage``.

    Cross-entropy over the classes and background, binary cross-entropy (present and absent queries
    weighted alike) and dice over present queries. Queries beyond C ask for things that are not there.
    """
    count = coverage.shape[1]
    background = (1 - coverage.sum(1, keepdim=True)).clamp(min=0)
    distribution = torch.cat([background, coverage], 1)
    scores = F.log_softmax(torch.cat([torch.zeros_like(logits[:, :1]), logits[:, :count]], 1), dim=1)
    choice = -(distribution * scores).sum(1).mean()
    target = torch.cat([coverage, torch.zeros_like(logits[:, count:])], 1)
    binary = F.binary_cross_entropy_with_logits(logits, target, reduction="none").mean((2, 3))
    area = target.sum((2, 3))
    present = area > 4
    probability = logits.sigmoid()
    dice = 1 - (2 * (probability * target).sum((2, 3)) + 1) / (probability.sum((2, 3)) + area + 1)
    return choice + binary[present].mean() + binary[~present].mean() + 0.5 * dice[present].mean()


class TeacherTraining:
    """The state of a training run; ``run`` goes on from the last checkpoint in ``folder`` if there is one."""

    def __init__(
        self,
        views: LabelledViews,
        phrases: PhraseTensors,
        text_head: TextHead,
        network: PixelEmbedder,
        folder: Path,
        settings: TeacherSettings,
    ) -> None:
        """``network`` is trained on from the weights that it has."""
        torch.manual_seed(settings.seed)
        self._views = views
        self._phrases, self._head = phrases, text_head
        self._settings, self._checkpoint = settings, folder / "teacher_training.pt"
        self.network = network.train().to(memory_format=torch.channels_last)
        self.average = torch.optim.swa_utils.AveragedModel(
            self.network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(settings.ema), use_buffers=True
        )
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        self._optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=settings.learning_rate,
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, settings.learning_rate, settings.steps + 1, pct_start=0.1
        )
        self._step = 0

    def run(self, report: Callable[[int, float], None], save_every: int = 200) -> PixelEmbedder:
        """Train to the end; ``report(step, loss)`` is called after each step. Returns the averaged network."""
        self._step = load_training_state(self._checkpoint, self._parts())
        with ThreadPoolExecutor(1) as ahead:
            coming = ahead.submit(self._draw, self._step)
            while self._step < self._settings.steps:
                batch = coming.result()
                coming = ahead.submit(self._draw, self._step + 1)
                loss = self._train_step(batch)
                self._step += 1
                report(self._step, loss)
                if self._step % save_every == 0:
                    save_training_state(self._checkpoint, self._step, self._parts())
        save_training_state(self._checkpoint, self._step, self._parts())
        network: PixelEmbedder = self.average.module
        return network.eval()

    def _draw(self, step: int) -> _Batch:
        """Views, their coverage and the tokens to ask for of ``step``, whoever asks."""
        rng = np.random.default_rng([self._settings.seed, step])
        drawn = augment(self._views.of(rng.choice(len(self._views), self._settings.batch, replace=False)), rng)
        tokens = self._tokens(torch.Generator().manual_seed(int(rng.integers(2**31))))
        return _Batch(drawn, class_coverage(drawn.classes, self._phrases.outside), tokens)

    def _train_step(self, batch: _Batch) -> float:
        image = batch.drawn.image.to(memory_format=torch.channels_last)
        logits = self.network.mask_logits(self.network(image, batch.drawn.geometry), batch.tokens)
        loss = mask_loss(logits, batch.coverage)
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self._optimizer.step()
        self._schedule.step()
        self.average.update_parameters(self.network)
        return float(loss.detach())

    def _tokens(self, generator: torch.Generator) -> torch.Tensor:
        """Tokens of one phrase a class, then of phrases for things outside the vocabulary."""
        outside = self._phrases.outside
        wanted = torch.cat([torch.arange(outside), torch.full((self._settings.outside_queries,), outside)])
        rows = self._phrases.embeddings[self._phrases.draw(wanted, generator)]
        noise = torch.randn(rows.shape, generator=generator)
        with torch.no_grad():
            tokens: torch.Tensor = self._head(rows + self._settings.embedding_noise * noise)
        return tokens

    def _parts(self) -> dict[str, Any]:
        """What a checkpoint holds beside the step."""
        return {
            "network": self.network,
            "average": self.average,
            "optimizer": self._optimizer,
            "schedule": self._schedule,
        }
