"""Convolution with BatchNorm, and the same folded into one step for inference."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from mllm_for3d_ros.student.sparse.backend import Finish
from mllm_for3d_ros.student.sparse.choice import backend_for
from mllm_for3d_ros.student.sparse.layers import DownConv, SubmanifoldConv, UpConv
from mllm_for3d_ros.student.sparse.maps import Level

_Network = TypeVar("_Network", bound=nn.Module)
_KINDS: dict[type[nn.Module], str] = {SubmanifoldConv: "submanifold", DownConv: "down", UpConv: "up"}


class NormedConv(nn.Module):
    """A convolution without bias, BatchNorm, perhaps a residual added, perhaps ReLU."""

    def __init__(self, convolution: SubmanifoldConv | DownConv | UpConv, relu: bool = True) -> None:
        super().__init__()
        self.convolution, self.relu = convolution, relu
        self.norm = nn.BatchNorm1d(convolution.weight.shape[2])

    def forward(self, x: torch.Tensor, level: Level, residual: torch.Tensor | None = None) -> torch.Tensor:
        """Rows as the convolution takes them; ``residual`` [rows_out, Co] is added after the norm."""
        y: torch.Tensor = self.norm(self.convolution(x, level))
        return Finish(None, residual, self.relu).apply(y)


class FoldedConv(nn.Module):
    """A ``NormedConv`` with its running statistics in weight and bias: inference only."""

    def __init__(self, source: NormedConv) -> None:
        super().__init__()
        norm = source.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        self.kind, self.relu = _KINDS[type(source.convolution)], source.relu
        self.register_buffer("weight", (source.convolution.weight * scale).detach())
        self.register_buffer("bias", (norm.bias - norm.running_mean * scale).detach())

    def forward(self, x: torch.Tensor, level: Level, residual: torch.Tensor | None = None) -> torch.Tensor:
        """As ``NormedConv.forward`` in evaluation mode."""
        return backend_for(x).finished(self.kind, x, self.weight, level, Finish(self.bias, residual, self.relu))


def folded(network: _Network) -> _Network:
    """A copy of ``network`` for inference: every ``NormedConv``, and every Linear with BatchNorm, is one layer."""
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, NormedConv):
                setattr(parent, name, FoldedConv(child))
            elif isinstance(child, nn.Sequential) and [type(layer) for layer in child] == [nn.Linear, nn.BatchNorm1d]:
                setattr(parent, name, fuse_linear_bn_eval(*child))
    return network
