"""A low-rank change of the last layers of the sentence encoder, learnt with the text head that reads it.

Source: LoRA (Hu et al., ICLR 2022). Merged into the weights on loading, it costs nothing per sentence.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.language.minilm import LAYERS, MiniLM

FIRST_LAYER = 3
RANK = 8
_PARTS = ("looked_up", "mixed", "widened", "narrowed")


class LowRank(nn.Module):
    """A frozen product and a learnt one of low rank beside it, which is zero at first."""

    def __init__(self, fixed: nn.Linear, rank: int) -> None:
        """``fixed`` is kept; ``rank`` is that of the change."""
        super().__init__()
        outputs, inputs = fixed.weight.shape
        self.fixed = fixed.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(inputs, rank) / inputs**0.5)
        self.up = nn.Parameter(torch.zeros(rank, outputs))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """[..., inputs] to [..., outputs]."""
        changed: torch.Tensor = self.fixed(states) + states @ self.down @ self.up
        return changed


def adapt(network: MiniLM, first_layer: int = FIRST_LAYER, rank: int = RANK) -> None:
    """Freeze ``network`` and put a ``LowRank`` in the place of each product from ``first_layer`` on."""
    network.requires_grad_(False)
    for layer in network.layers[first_layer:]:
        for part in _PARTS:
            setattr(layer, part, LowRank(getattr(layer, part), rank))


def adapter_tensors(network: MiniLM) -> dict[str, torch.Tensor]:
    """What ``adapt`` put into ``network`` and training changed: ``layers.3.mixed.down`` [in, rank] and so on."""
    return {name: value.detach() for name, value in network.named_parameters() if name.endswith((".down", ".up"))}


def merge(network: MiniLM, tensors: Mapping[str, torch.Tensor]) -> None:
    """Add the change that ``adapter_tensors`` gave to the weights of a ``network`` as it was before.

    Raises:
        CheckpointError: the change is not one of this network.
    """
    ups = {name.removesuffix(".down"): name.removesuffix("down") + "up" for name in tensors if name.endswith(".down")}
    known = {f"layers.{layer}.{part}" for layer in range(LAYERS) for part in _PARTS}
    if not ups or {*ups.values(), *(f"{name}.down" for name in ups)} != set(tensors) or not known >= set(ups):
        raise CheckpointError("these are not the weights of a text adapter; use a file of this version")
    with torch.no_grad():
        for name, up in ups.items():
            weight, change = network.get_submodule(name).weight, (tensors[f"{name}.down"] @ tensors[up]).T
            if change.shape != weight.shape:
                raise CheckpointError(f"the text adapter does not fit {name}; use a file of this version")
            weight.add_(change.to(weight.device))
