"""Whether what an instruction asks for is there at all, judged from what its labels look like in 3D.

A 2D teacher takes a box for a suitcase in every view, and the agreement of the views says nothing against it. Size,
height, form and what else is claimed of the place do, and how far they are to be trusted differs from concept to
concept. A judge learns it where the teacher was trained: in rooms with 2D class masks, of which it needs no more than
which classes any view shows. No 3D label is used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from mllm_for3d_ros.checkpoint import fill_module, load_checkpoint

FILE = "judge.safetensors"
MEMBERS = 4
"""Networks whose logits are averaged: the rooms are few."""
_WIDTH, _DROP, _EPOCHS, _BATCH, _RATE, _DECAY = 48, 0.3, 14, 128, 3e-3, 1e-3
_LIMIT = 5.0
"""Standard deviations that evidence may differ from the mean by."""


class _Member(nn.Module):
    """Evidence [N, E] and weights [N, C] of the concepts to logits [N]."""

    def __init__(self, evidence: int, concepts: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(evidence, _WIDTH), nn.Linear(_WIDTH, _WIDTH)
        self.common = nn.Linear(_WIDTH, 1)
        self.own = nn.Parameter(0.05 * torch.randn(concepts, _WIDTH))
        self.bias = nn.Parameter(torch.zeros(concepts))
        self.drop = nn.Dropout(_DROP)

    def forward(self, evidence: torch.Tensor, concepts: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.first(self.drop(evidence)))
        x = F.relu(self.second(self.drop(x)))
        return self.common(x).squeeze(1) + (self.own[concepts] * x).sum(1) + self.bias[concepts]


class Judge(nn.Module):
    """Tells presence from evidence.

    Args:
        evidence: numbers that there are of an instruction, see ``evidence``.
        concepts: of the vocabulary.
    """

    def __init__(self, evidence: int, concepts: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(evidence))
        self.register_buffer("scale", torch.ones(evidence))
        self.members = nn.ModuleList(_Member(evidence, concepts) for _ in range(MEMBERS))

    @classmethod
    def load(cls, path: Path) -> Judge:
        """What ``fit_judge`` made and ``save_checkpoint`` wrote.

        Raises:
            CheckpointError: the file is missing, damaged or no judge.
        """
        tensors, _ = load_checkpoint(path, "judge")
        judge = cls(len(tensors["mean"]), len(tensors["members.0.bias"]))
        fill_module(judge, tensors, "", path)
        return judge.eval()

    def presence(self, evidence: np.ndarray, concepts: np.ndarray) -> np.ndarray:
        """[N] 0..1 of ``evidence`` [N, E] and ``concepts`` [N]; NaN where the concept is none of the vocabulary."""
        known = concepts < len(self.members[0].bias)
        told = np.full(len(concepts), np.nan, np.float32)
        with torch.inference_mode():
            read, named = self.read(evidence[known]), torch.from_numpy(concepts[known])
            logits = torch.stack([member(read, named) for member in self.members]).mean(0)
        told[known] = logits.sigmoid().numpy()
        return told

    def read(self, evidence: np.ndarray) -> torch.Tensor:
        """``evidence`` [N, E] in standard deviations from the mean."""
        return ((torch.from_numpy(evidence) - self.mean) / self.scale).clamp(-_LIMIT, _LIMIT)


def fit_judge(evidence: np.ndarray, concepts: np.ndarray, there: np.ndarray, count: int, seed: int = 0) -> Judge:
    """A judge of ``count`` concepts.

    Args:
        evidence: [N, E] float32.
        concepts: [N] int64, all of the vocabulary.
        there: [N] bool, which are there.
        count: of the concepts.
        seed: equal seeds give equal judges.
    """
    torch.manual_seed(seed)
    judge = Judge(evidence.shape[1], count)
    judge.mean, judge.scale = torch.from_numpy(evidence.mean(0)), torch.from_numpy(evidence.std(0) + 1e-3)
    read, named, wanted = judge.read(evidence), torch.from_numpy(concepts), torch.from_numpy(there).float()
    for member in judge.members:
        _fit(member, read, named, wanted)
    return judge.eval()


def _fit(member: nn.Module, read: torch.Tensor, concepts: torch.Tensor, wanted: torch.Tensor) -> None:
    steps = _EPOCHS * -(-len(wanted) // _BATCH)
    optimizer = torch.optim.AdamW(member.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(_EPOCHS):
        for rows in torch.randperm(len(wanted)).split(_BATCH):
            optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(member(read[rows], concepts[rows]), wanted[rows])
            loss.backward()
            optimizer.step()
            schedule.step()
