"""The student: a sparse U-Net with one embedding a voxel, a presence head and a query projector.

Input of a voxel: colour (3, -1..1), normal (3), height above the floor (1, m) and a constant. Outputs:
mask embeddings (dotted with a query token) and teacher-like features (the spatial head of the paper).
Widths (32, 64, 96, 128) on 4 levels of 5, 10, 20 and 40 cm, 2.8 M parameters; an output voxel sees about 2.4 m to
each side.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from mllm_for3d_ros.checkpoint import fill_module, load_checkpoint
from mllm_for3d_ros.language.text_head import TOKEN_DIM, TextHead
from mllm_for3d_ros.student.judge import Judge
from mllm_for3d_ros.student.minkunet import SHAPES, MinkUNet, build_unet, build_unet_like
from mllm_for3d_ros.student.reading import Reading
from mllm_for3d_ros.student.sparse import DownConv, Level, SubmanifoldConv, UpConv

INPUT_CHANNELS = 8
WIDTHS = (32, 64, 96, 128)
"""Channels of the compact network at 5, 10, 20 and 40 cm."""
LEVELS = len(WIDTHS)
COMPACT = "compact"
NETWORKS = (COMPACT, *SHAPES)
"""Names of 3D networks: SparseUNet, and those of ``minkunet``."""
PRESENCE_TOP = (10, 30, 100)
_LIKELY = 0.02
"""Probability from which the reading's concepts are looked for."""
_LEAST = 1e-12
_BLOCK = 64
"""Voxels whose maximum is looked at first where the highest values are wanted."""
_UNSURE = 1e-5
"""Probabilities are kept this far from 0 and 1 where logits are taken of them."""


class _Block(nn.Module):
    """Basic residual block of two submanifold convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.first_norm = SubmanifoldConv(width, width), nn.BatchNorm1d(width)
        self.second, self.second_norm = SubmanifoldConv(width, width), nn.BatchNorm1d(width)

    def forward(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        y = F.relu(self.first_norm(self.first(x, level)))
        return F.relu(self.second_norm(self.second(y, level)) + x)


class SparseUNet(nn.Module):
    """Voxel inputs [N, 8] and their levels to mask embeddings and spatial features, both [N, 64].

    A residual block at each of the four levels on the way down, and at the three finer ones on the way up.
    """

    def __init__(self, widths: tuple[int, int, int, int] = WIDTHS) -> None:
        """``widths``: channels of the levels, from the finest."""
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(INPUT_CHANNELS, widths[0]), nn.ReLU())
        self.encoders = nn.ModuleList(_Block(w) for w in widths)
        self.down = nn.ModuleList(DownConv(a, b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(UpConv(b, a) for a, b in pairwise(widths))
        self.decoders = nn.ModuleList(_Block(w) for w in widths[:-1])
        self.widen = nn.Sequential(nn.Linear(widths[0], TOKEN_DIM), nn.ReLU())
        self.mask_head = nn.Linear(TOKEN_DIM, TOKEN_DIM)
        self.spatial_head = nn.Linear(TOKEN_DIM, TOKEN_DIM)

    def forward(self, x: torch.Tensor, levels: list[Level]) -> tuple[torch.Tensor, torch.Tensor]:
        """Mask embeddings and spatial features, [N, 64] each, of inputs ``x`` [N, 8]; ``levels`` from the finest."""
        skips = [self.encoders[0](self.stem(x), levels[0])]
        for index, down in enumerate(self.down):
            skips.append(self.encoders[index + 1](down(skips[-1], levels[index]), levels[index + 1]))
        x = skips.pop()
        for index in range(len(self.up) - 1, -1, -1):
            x = self.decoders[index](self.up[index](x, levels[index]) + skips.pop(), levels[index])
        x = self.widen(x)
        return self.mask_head(x), self.spatial_head(x)


class StudentNetwork(nn.Module):
    """A 3D network with the query side: text embedding to token q, t = Linear(q), s_p = f_p . t + bias.

    judge: of the presence of a concept, from its ``evidence``; reading: how far an instruction means each concept. Both
    None where the presence head tells what is there, as in training.
    """

    judge: Judge | None
    reading: Reading | None

    def __init__(self, classes: int, unet: str | nn.Module = COMPACT) -> None:
        """A network for ``classes`` concepts of the query projector besides "anything else".

        Args:
            classes: number of concepts.
            unet: "compact" (SparseUNet), a name of ``minkunet.SHAPES``, or a module with their inputs and outputs.

        Raises:
            ValueError: there is no network of that name.
        """
        super().__init__()
        if isinstance(unet, str):
            unet = SparseUNet() if unet == COMPACT else build_unet(unet)
        self.unet = unet
        self.projector = TextHead(classes=classes)
        self.token_map = nn.Linear(TOKEN_DIM, TOKEN_DIM)
        self.bias = nn.Parameter(torch.tensor(-3.0))
        self.presence_head = nn.Linear(2 * len(PRESENCE_TOP) + 1, 1)
        self.presence_bias = nn.Parameter(torch.zeros(classes))
        self.register_module("judge", None)
        self.register_module("reading", None)

    @classmethod
    def of_checkpoint(cls, path: Path) -> tuple[StudentNetwork, dict[str, Any]]:
        """The network of a student's checkpoint, on the CPU, and the checkpoint's card.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        tensors, card = load_checkpoint(path, "student")
        network = cls.shaped_like(tensors)
        fill_module(network, tensors, "", path)
        return network, card

    @classmethod
    def shaped_like(cls, tensors: Mapping[str, torch.Tensor]) -> StudentNetwork:
        """An untrained network of the kind, and with as many concepts, as a checkpoint's ``tensors``.

        Raises:
            CheckpointError: the checkpoint has no query projector.
        """
        unet = build_unet_like({k.removeprefix("unet."): v for k, v in tensors.items() if k.startswith("unet.")})
        network = cls(TextHead.shaped_like(tensors, "projector.").classes, unet or COMPACT)
        if "judge.mean" in tensors:
            network.judge, network.reading = Judge.shaped_like(tensors, "judge."), Reading()
        return network

    @property
    def kind(self) -> str:
        """Name of its 3D network, "other" for a module of none of ``NETWORKS``."""
        if isinstance(self.unet, MinkUNet):
            return next((name for name, shape in SHAPES.items() if shape == self.unet.shape), "other")
        return COMPACT if isinstance(self.unet, SparseUNet) else "other"

    def mask_logits(self, embeddings: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Logits [Q, N] of query tokens [Q, 64] at voxel ``embeddings`` [N, 64]."""
        return self.token_map(tokens) @ embeddings.T + self.bias

    def presence_logits(
        self, embeddings: torch.Tensor, mask_logits: torch.Tensor, attention: torch.Tensor
    ) -> torch.Tensor:
        """Logits [Q] of the presence head that the target is there at all.

        Args:
            embeddings: [N, 64] of the voxels.
            mask_logits: [Q, N] of the instructions.
            attention: [Q, C + 1] of the query projector over the concepts, the last "anything else".
        """
        posterior = self.posterior(embeddings)
        return self.evidence(mask_logits, self.claims(posterior, attention), attention, posterior.amax(0))[:, 0]

    def scores(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Mask logits [N, C + 1] of each concept on its own at voxel ``embeddings`` [N, 64].

        Those of an instruction are their mean by its attention: tokens are means of concepts, and all is linear.
        """
        return F.linear(embeddings, *self.score_map())

    def score_map(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight [C + 1, 64] and bias [C + 1] of ``scores``, which are linear in the embeddings."""
        return self.token_map(self.projector.concepts), self.bias.expand(self._concepts)

    @property
    def _concepts(self) -> int:
        """With that of anything else."""
        return self.projector.classes + 1

    def posterior(self, embeddings: torch.Tensor) -> torch.Tensor:
        """``posterior_of`` the scores of voxel ``embeddings`` [N, 64]."""
        return self.posterior_of(self.scores(embeddings))

    def posterior_of(self, scores: torch.Tensor, absent: torch.Tensor | None = None) -> torch.Tensor:
        """Probability [N, C] of each concept at voxels with ``scores`` [N, C + 1], in competition with the others.

        ``absent`` [C] bool: concepts that are known not to be there, which take no part.
        """
        rivals = F.pad(scores[:, :-1], (1, 0))  # the first is "none", of logit 0
        if absent is not None:
            rivals = rivals.masked_fill(F.pad(absent, (1, 0)), float("-inf"))
        return torch.softmax(rivals, dim=1)[:, 1:]

    def totals(self, scores: torch.Tensor) -> torch.Tensor:
        """[N] logarithm of what ``posterior_of`` the ``scores`` [N, C + 1] divides by: it is exp(scores - totals)."""
        return F.softplus(torch.logsumexp(scores.T[:-1], dim=0))  # "none" has the logit 0

    def claims(self, posterior: torch.Tensor, attention: torch.Tensor) -> torch.Tensor:
        """Probability [Q, N] that the instructions' concepts win voxels with this ``posterior`` [N, C]."""
        return attention[:, :-1] @ posterior.T

    def mask_probability(self, mask_logits: torch.Tensor, claims: torch.Tensor) -> torch.Tensor:
        """Probability [Q, N] that voxels belong to the targets, from what they say alone and from ``claims`` [Q, N].

        The geometric mean: a voxel that looks like the target counts for less where another concept explains it better.
        """
        return (mask_logits.sigmoid() * claims).sqrt()

    def inquiries(self, attention: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What to look for in a scene, to tell the presence of what instructions mean.

        Args:
            attention: [Q, C + 1] of the query projector.

        Returns:
            asked: [K, C + 1] attention of what is looked for: where there is a judge, each concept that the reading
            takes for likely; else the instructions themselves.
            weights: [Q, K] how likely each instruction means each of them; see ``answer``.
        """
        if self.reading is None:
            return attention, torch.eye(len(attention), device=attention.device)
        weights = self.reading(attention)[:, :-1]
        weights = weights * (weights >= _LIKELY)
        meant = torch.nonzero(weights.amax(0)).squeeze(1)
        return F.one_hot(meant, self._concepts).to(attention.dtype), weights[:, meant]

    def presence(
        self, mask_logits: torch.Tensor, claims: torch.Tensor, asked: torch.Tensor, inventory: torch.Tensor
    ) -> torch.Tensor:
        """Probability [K] that what is ``asked`` [K, C + 1] for (see ``inquiries``) is there; else as ``evidence``."""
        evidence = self.evidence(mask_logits, claims, asked, inventory)
        return (evidence[:, 0] if self.judge is None else self.judge(evidence, asked)).sigmoid()

    def answer(
        self, weights: torch.Tensor, found: torch.Tensor, mask_logits: torch.Tensor, claims: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Presence [Q] and mask probability [Q, N] of instructions, from those of what was asked for them.

        That it is there has the probability sum_k w_k p_k. If it is, it is k with the share of k in that sum: a
        sentence that may mean a sofa or a chair means the chair where there is no sofa.

        Args:
            weights: [Q, K], see ``inquiries``.
            found: [K], see ``presence``.
            mask_logits: [K, N] of what was asked for.
            claims: [K, N] likewise.
        """
        shares = weights * found
        presence = shares.sum(1)
        shares = shares / presence.clamp(min=_LEAST)[:, None]
        return presence, self.mask_probability(shares @ mask_logits, shares @ claims)

    def evidence(
        self, mask_logits: torch.Tensor, claims: torch.Tensor, attention: torch.Tensor, inventory: torch.Tensor
    ) -> torch.Tensor:
        """What a judge tells presence by, [Q, E]; the first is what the presence head makes of it, logits.

        The strongest voxels speak twice: on their own, and in competition, where a voxel that another concept
        explains better counts for little. How much is needed differs from concept to concept. The last C are the same
        for all instructions: how surely each concept is found anywhere in the scene.

        Args:
            mask_logits: [Q, N] of the instructions.
            claims: [Q, N], see ``claims``.
            attention: [Q, C + 1] of the query projector.
            inventory: [C] highest ``posterior`` of each concept in any voxel of the scene.
        """
        alone, rivalled = _strongest(torch.cat([mask_logits, claims])).chunk(2)  # at once: threads share the rows
        strength = torch.cat([_means(alone), _means(_logit(rivalled)), 10 * attention[:, -1:] - 5], 1)
        told = self.presence_head(strength) + (attention[:, :-1] @ self.presence_bias)[:, None]
        found = _logit(inventory).expand(len(attention), -1)
        return torch.cat([told, strength, found], 1)


def _logit(probability: torch.Tensor) -> torch.Tensor:
    return probability.clamp(_UNSURE, 1 - _UNSURE).logit()


def _strongest(values: torch.Tensor) -> torch.Tensor:
    """The highest [Q, n] of ``values`` [Q, N], falling, as many as ``PRESENCE_TOP`` asks for."""
    number = min(max(PRESENCE_TOP), values.shape[1])
    blocks = values[:, : values.shape[1] // _BLOCK * _BLOCK].unflatten(1, (-1, _BLOCK))
    if blocks.shape[1] > number:  # none of the highest lies outside of the blocks with the highest maxima
        best = blocks.amax(2).topk(number, dim=1, sorted=False).indices
        near = blocks.gather(1, best[:, :, None].expand(-1, -1, _BLOCK)).flatten(1)
        values = torch.cat([near, values[:, blocks.shape[1] * _BLOCK :]], 1)
    return values.topk(number, dim=1).values


def _means(logits: torch.Tensor) -> torch.Tensor:
    """Means [Q, len(PRESENCE_TOP)] of the first ``PRESENCE_TOP`` of ``logits`` [Q, n]."""
    taken = logits.new_tensor([PRESENCE_TOP]).clamp(max=logits.shape[1])
    places = torch.arange(logits.shape[1], device=logits.device)[:, None]
    return logits.clamp(-12, 12) @ ((places < taken) / taken)
