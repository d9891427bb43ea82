"""MiniLM for one sentence at a time: the weights of a ``MiniLM``, and its results but for rounding.

A sentence has few tokens, so what it costs is to read the weights and to begin each operation. Products are of weights
and columns [width, T], which reads the weights as they lie; only norms see rows. No operation only moves numbers.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from mllm_for3d_ros.language.minilm import HEADS, Layer, MiniLM

_Affine = tuple[torch.Tensor, torch.Tensor]


class OneSentence:
    """Token ids [1, T] int64 to a unit vector [1, 384]."""

    def __init__(self, network: MiniLM) -> None:
        """``network`` is in evaluation mode; its weights are shared, where they lie."""
        self._words, self._positions = network.words.weight, network.positions.weight
        self._norm = network.norm
        self._layers = [_SharedLayer(layer) for layer in network.layers]

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embedding [1, 384] of ``tokens`` [1, T]."""
        states = _normalised(self._words[tokens[0]] + self._positions[: tokens.shape[1]], self._norm)
        for layer in self._layers:
            states = layer(states)
        return F.normalize(states.mean(0, keepdim=True), dim=1)


class _SharedLayer:
    """States [T, 384] to those of the next layer; see ``minilm.Layer``."""

    def __init__(self, layer: Layer) -> None:
        self._looked_up, self._mixed = _affine(layer.looked_up), _affine(layer.mixed)
        self._widened, self._narrowed = _affine(layer.widened), _affine(layer.narrowed)
        self._mixed_norm, self._narrowed_norm = layer.mixed_norm, layer.narrowed_norm

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        length, width = states.shape
        query, key, value = _product(self._looked_up, states.T).view(3, HEADS, width // HEADS, length)
        attention = torch.softmax(torch.bmm(query.mT, key) * (width // HEADS) ** -0.5, dim=2)
        mixed = torch.bmm(value, attention.mT).view(width, length)
        states = _normalised(states + _product(self._mixed, mixed).T, self._mixed_norm)
        widened = F.gelu(_product(self._widened, states.T))
        return _normalised(states + _product(self._narrowed, widened).T, self._narrowed_norm)


def _affine(linear: nn.Linear) -> _Affine:
    return linear.bias[:, None], linear.weight


def _product(affine: _Affine, columns: torch.Tensor) -> torch.Tensor:
    """[outputs, T] of ``columns`` [inputs, T]."""
    return torch.addmm(*affine, columns)


def _normalised(states: torch.Tensor, norm: nn.LayerNorm) -> torch.Tensor:
    return torch.layer_norm(states, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
