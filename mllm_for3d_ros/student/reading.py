"""How far a sentence means each concept, as probabilities that hold for sentences that nobody has learnt.

The query projector's attention is as sure as its training phrases made it. Raised to a power, and with another weight
of "anything else", it is as sure as it is right on phrases that it has not learnt: temperature scaling (Guo et al.,
"On calibration of modern neural networks", ICML 2017).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

_LEAST = 1e-12
_STEPS = 50


class Reading(nn.Module):
    """Calibrates attention; as it comes it changes nothing."""

    power: torch.Tensor
    outside: torch.Tensor

    def __init__(self, power: float = 1.0, outside: float = 0.0) -> None:
        """``power`` of all weights, and ``outside``, the logarithm of a factor of the last."""
        super().__init__()
        self.register_buffer("power", torch.tensor([power]))
        self.register_buffer("outside", torch.tensor([outside]))

    def forward(self, attention: torch.Tensor) -> torch.Tensor:
        """Probability [Q, C + 1] of each concept, from ``attention`` [Q, C + 1]."""
        return torch.softmax(_logits(attention.clamp(min=_LEAST).log(), self.power, self.outside), 1)


def _logits(logs: torch.Tensor, power: torch.Tensor, outside: torch.Tensor) -> torch.Tensor:
    return power * logs + F.pad(outside, (logs.shape[1] - 1, 0))


def fit_reading(attention: np.ndarray, concepts: np.ndarray) -> Reading:
    """The reading of most likelihood for phrases that the projector has not learnt.

    Args:
        attention: [N, C + 1] float32 that it gives them.
        concepts: [N] int64 that they mean, C for anything else.
    """
    logs, wanted = torch.from_numpy(attention).clamp(min=_LEAST).log(), torch.from_numpy(concepts)
    power, outside = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([power, outside], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(_logits(logs, power, outside), wanted)
        value.backward()
        return value

    optimizer.step(loss)
    return Reading(power.item(), outside.item())
