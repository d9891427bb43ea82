"""Whether what an instruction asks for is there at all, judged from numbers that speak for it or against.

Of labels: a 2D teacher takes a box for a suitcase in every view, and the agreement of the views says nothing against
it. Size, height, form and what else is claimed of the place do (``evidence``). Of a student's own answers: how much
they must convince, and what the rest of the scene makes likely (``StudentNetwork.evidence``). How far each number is to
be trusted differs from concept to concept. A judge learns it where the teacher was trained: in rooms with 2D class
masks, of which it needs no more than which classes any view shows. No 3D label is used.
"""

from __future__ import annotations

from collections.abc import Mapping
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
        return self.common(x).squeeze(1) + (concepts @ self.own * x).sum(1) + concepts @ self.bias


class Judge(nn.Module):
    """Tells presence from evidence.

    Args:
        evidence: numbers that there are of an instruction.
        concepts: that an instruction may mean.
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
        judge = cls.shaped_like(tensors)
        fill_module(judge, tensors, "", path)
        return judge.eval()

    @classmethod
    def shaped_like(cls, tensors: Mapping[str, torch.Tensor], prefix: str = "") -> Judge:
        """A judge that has learnt nothing, of the kind of that whose ``tensors`` have names with ``prefix``."""
        return cls(len(tensors[f"{prefix}mean"]), len(tensors[f"{prefix}members.0.bias"]))

    @property
    def concepts(self) -> int:
        """How many it knows."""
        return len(self.members[0].bias)

    def forward(self, evidence: torch.Tensor, concepts: torch.Tensor) -> torch.Tensor:
        """Logits [N] that what has ``evidence`` [N, E] is there; ``concepts`` [N, C]: how far each concept is meant."""
        first, second, common = (self._joined(name) for name in ("first", "second", "common"))
        own, bias = (torch.stack([getattr(member, name) for member in self.members]) for name in ("own", "bias"))
        x = F.relu(torch.baddbmm(first[1], self.read(evidence).expand(MEMBERS, -1, -1), first[0]))
        x = F.relu(torch.baddbmm(second[1], x, second[0]))
        logits = (x * (concepts @ own + common[0].mT)).sum(2) + common[1][:, 0] + bias @ concepts.T
        return logits.mean(0)

    def _joined(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights [members, inputs, outputs] and biases [members, 1, outputs] of one layer of all members."""
        layers = [getattr(member, name) for member in self.members]
        weights = torch.stack([layer.weight for layer in layers]).mT
        return weights, torch.stack([layer.bias for layer in layers])[:, None]

    def presence(self, evidence: np.ndarray, concepts: np.ndarray) -> np.ndarray:
        """[N] 0..1 of ``evidence`` [N, E] and ``concepts`` [N] int64; NaN where it does not know the concept."""
        known = concepts < self.concepts
        told = np.full(len(concepts), np.nan, np.float32)
        with torch.inference_mode():
            named = F.one_hot(torch.from_numpy(concepts[known]), self.concepts).float()
            told[known] = self(torch.from_numpy(evidence[known]), named).sigmoid().numpy()
        return told

    def read(self, evidence: torch.Tensor) -> torch.Tensor:
        """``evidence`` [N, E] in standard deviations from the mean."""
        return ((evidence - self.mean) / self.scale).clamp(-_LIMIT, _LIMIT)


def fit_judge(evidence: np.ndarray, concepts: np.ndarray, there: np.ndarray, seed: int = 0) -> Judge:
    """A judge fitted on N cases.

    Args:
        evidence: [N, E] float32.
        concepts: [N, C] float32, how far each concept is meant.
        there: [N] bool, which are there.
        seed: equal seeds give equal judges.
    """
    torch.manual_seed(seed)
    judge = Judge(evidence.shape[1], concepts.shape[1])
    judge.mean, judge.scale = torch.from_numpy(evidence.mean(0)), torch.from_numpy(evidence.std(0) + 1e-3)
    read, meant = judge.read(torch.from_numpy(evidence)), torch.from_numpy(concepts)
    for member in judge.members:
        _fit(member, read, meant, torch.from_numpy(there).float())
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
