"""Text adapter and text head are trained together; the concepts stay where they are.

What lies below the adapted layers never changes, so it is computed once for every phrase.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from mllm_for3d_ros.language.minilm import LAYERS, MiniLM
from mllm_for3d_ros.language.text_adapter import FIRST_LAYER, adapt
from mllm_for3d_ros.language.text_head import TextHead

_BATCH = 64
_PIECES = 4
"""Pieces of like length that a batch is cut into, so that there is little padding."""


@dataclass(frozen=True)
class AdapterSettings:
    """Hyperparameters.

    steps: updates of 64 phrases. outside: share of phrases for things outside. adapter_rate, head_rate: the largest
    learning rates. forgotten: share of tokens that a phrase loses at random. noise: of the embeddings.
    """

    steps: int = 1700
    outside: float = 0.25
    adapter_rate: float = 1.5e-3
    head_rate: float = 3e-3
    forgotten: float = 0.1
    noise: float = 0.02
    smoothing: float = 0.05
    seed: int = 0


def fit_adapter(
    network: MiniLM,
    head: TextHead,
    tokens: Sequence[Sequence[int]],
    classes: torch.Tensor,
    settings: AdapterSettings,
    report: Callable[[int, float], None],
) -> None:
    """Adapt ``network`` and train ``head`` but for its prototypes.

    Args:
        network: unchanged MiniLM; holds ``LowRank`` parts afterwards.
        head: text head with the prototypes that are to stay.
        tokens: token ids of each phrase.
        classes: [N] int64 of the phrases, the last index of the head for anything else.
        settings: hyperparameters.
        report: told each step and its loss.
    """
    torch.manual_seed(settings.seed)
    states = _states_below(network, tokens)
    adapt(network)
    adapter = [value for value in network.parameters() if value.requires_grad]
    head.requires_grad_(True).prototypes.requires_grad_(False)
    own = [value for value in head.parameters() if value.requires_grad]
    rates = [settings.adapter_rate, settings.head_rate]
    groups = [{"params": adapter, "weight_decay": 0.01}, {"params": own, "weight_decay": 0.05}]
    optimizer = torch.optim.AdamW(groups, lr=settings.head_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, settings.steps, pct_start=0.2)
    chances = _chances(classes, head.classes, settings.outside)
    head.train()
    for step in range(settings.steps):
        rows = torch.multinomial(chances, min(_BATCH, len(classes)))
        rows = rows[torch.tensor([len(states[row]) for row in rows.tolist()]).argsort()]
        optimizer.zero_grad()
        total = 0.0
        for piece in rows.chunk(_PIECES):
            embeddings = _embedded(network, [states[row] for row in piece.tolist()], settings.forgotten)
            noisy = embeddings + settings.noise * torch.randn_like(embeddings)
            losses = F.cross_entropy(
                head.logits(noisy), classes[piece], label_smoothing=settings.smoothing, reduction="sum"
            )
            (losses / len(rows)).backward()
            total += losses.item() / len(rows)
        nn.utils.clip_grad_norm_(adapter, 1.0)
        optimizer.step()
        schedule.step()
        report(step + 1, total)
    head.eval().requires_grad_(False)


def _states_below(network: MiniLM, tokens: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """States [T, 384] of each phrase that the first adapted layer is given."""
    lengths = torch.tensor([len(phrase) for phrase in tokens])
    states: list[torch.Tensor] = [torch.empty(0)] * len(tokens)
    with torch.no_grad():
        for length in lengths.unique().tolist():
            for rows in (lengths == length).nonzero().squeeze(1).split(_BATCH):
                batch = network.below(torch.tensor([list(tokens[row]) for row in rows.tolist()]), FIRST_LAYER)
                for row, state in zip(rows.tolist(), batch, strict=True):
                    states[row] = state.clone()
    return states


def _embedded(network: MiniLM, states: list[torch.Tensor], forgotten: float) -> torch.Tensor:
    """Embeddings [B, 384] of phrases with ``states`` [T, 384] each, some tokens but never the first left out."""
    lengths = torch.tensor([len(state) for state in states])
    padded = nn.utils.rnn.pad_sequence(states, batch_first=True)
    places = torch.arange(padded.shape[1])
    kept = (places < lengths[:, None]) & ((torch.rand(padded.shape[:2]) >= forgotten) | (places == 0))
    return network.pooled(network.through(padded, slice(FIRST_LAYER, LAYERS), kept), kept)


def _chances(classes: torch.Tensor, last: int, outside: float) -> torch.Tensor:
    """How likely each phrase [N] is drawn: classes by the root of their number, ``outside`` of all for the last."""
    counts = torch.bincount(classes, minlength=last + 1).float()
    chances = counts.clamp(min=1).rsqrt()[classes]
    inside = classes < last
    return torch.where(inside, chances / chances[inside].sum() * (1 - outside), outside / counts[last].clamp(min=1))
