"""From a sentence embedding to a query token, through a small bank of learned concepts.

A multilayer perceptron attends to one prototype a vocabulary class and one for "something else"; the
token is the attention-weighted prototype. Unseen phrasings therefore land on (or between) tokens that
the pixel and voxel embeddings were trained against, and what lies outside the vocabulary lands on a
token that nothing answers to.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional as F

from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.language.sentence_encoder import EMBEDDING_DIM

TOKEN_DIM = 64


class TextHead(nn.Module):
    """Sentence embedding [B, 384] to query token [B, 64] (unit prototypes, convex mixture)."""

    def __init__(self, classes: int, hidden: int = 512, dropout: float = 0.4, sharpness: float = 2.0) -> None:
        """``classes`` prototypes and one more for anything else; ``sharpness`` divides the temperature."""
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(EMBEDDING_DIM, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, TOKEN_DIM)
        )
        self.prototypes = nn.Parameter(torch.randn(classes + 1, TOKEN_DIM))
        self.log_scale = nn.Parameter(torch.tensor(2.3))
        self.sharpness = sharpness

    @classmethod
    def shaped_like(cls, tensors: Mapping[str, torch.Tensor], prefix: str = "") -> TextHead:
        """An untrained head with as many prototypes as a checkpoint's ``tensors`` have under ``prefix``.

        A checkpoint keeps the classes of its training, however many the vocabulary has by now.

        Raises:
            CheckpointError: the checkpoint has no text head.
        """
        stored = tensors.get(f"{prefix}prototypes")
        if stored is None:
            raise CheckpointError(f"the checkpoint has no {prefix}prototypes; use a checkpoint of this version")
        return cls(len(stored) - 1)

    def grown(self, classes: int) -> TextHead:
        """An untrained head with ``classes`` concepts, of which the old ones have the prototypes of this head.

        Raises:
            ValueError: that would be fewer concepts than there are.
        """
        if classes < self.classes:
            raise ValueError(f"a head of {self.classes} classes cannot shrink to {classes}")
        head, old = TextHead(classes), self.prototypes.detach()
        head.prototypes.data[: self.classes] = old[:-1]
        head.prototypes.data[-1] = old[-1]
        return head

    @property
    def classes(self) -> int:
        """Number of concepts besides "anything else"."""
        return len(self.prototypes) - 1

    @property
    def concepts(self) -> torch.Tensor:
        """Unit prototypes [classes + 1, 64]; the last stands for anything outside the vocabulary."""
        return F.normalize(self.prototypes, dim=1)

    def logits(self, embedding: torch.Tensor) -> torch.Tensor:
        """Scaled cosine to every concept, [B, classes + 1]."""
        return self.log_scale.exp() * F.normalize(self.body(embedding), dim=1) @ self.concepts.T

    def attention(self, embedding: torch.Tensor) -> torch.Tensor:
        """Weights of the concepts, [B, classes + 1], rows sum to 1."""
        return torch.softmax(self.sharpness * self.logits(embedding), dim=1)

    def forward(self, embedding: torch.Tensor) -> torch.Tensor:
        """Query tokens [B, 64]."""
        return self.attention(embedding) @ self.concepts


def fit_text_head(
    head: TextHead,
    embeddings: torch.Tensor,
    classes: torch.Tensor,
    steps: int,
    noise: float = 0.03,
    seed: int = 0,
    kept: torch.Tensor | None = None,
) -> float:
    """Train ``head`` on ``embeddings`` [N, 384] of ``classes`` [N] (the last index: anything else).

    Every class is drawn equally often. The prototypes ``kept`` [K] (indices) are not moved. Returns the last
    training loss.
    """
    before = head.prototypes.detach().clone()
    generator = torch.Generator().manual_seed(seed)
    weights = 1.0 / torch.bincount(classes, minlength=len(head.prototypes)).float().clamp(min=1)[classes]
    weights = torch.where(classes == len(head.prototypes) - 1, weights * 3, weights)
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    head.train()
    loss = torch.zeros(())
    for _ in range(steps):
        rows = torch.multinomial(weights, 512, replacement=True, generator=generator)
        noisy = embeddings[rows] + noise * torch.randn(512, EMBEDDING_DIM, generator=generator)
        loss = F.cross_entropy(head.logits(noisy), classes[rows], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if kept is not None:
            head.prototypes.data[kept] = before[kept]
    head.eval()
    return float(loss.detach())
