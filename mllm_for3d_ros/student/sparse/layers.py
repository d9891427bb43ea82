"""Convolution layers over the rows of a level, without bias."""

from __future__ import annotations

import torch
from torch import nn

from mllm_for3d_ros.student.sparse.choice import backend_for
from mllm_for3d_ros.student.sparse.maps import Level


class _Convolution(nn.Module):
    """A weight [offsets, Ci, Co], drawn for about ``met`` occupied places under the kernel."""

    def __init__(self, offsets: int, inputs: int, outputs: int, met: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(offsets, inputs, outputs) * (2.0 / (met * inputs)) ** 0.5)

    def extra_repr(self) -> str:
        """Shape of the weight."""
        return "offsets={}, inputs={}, outputs={}".format(*self.weight.shape)

    def weight_for(self, x: torch.Tensor, rows: int) -> torch.Tensor:
        """The weight in the number type of ``x``, which must be [rows, Ci].

        Raises:
            ValueError: ``x`` has another shape.
        """
        if x.shape != (rows, self.weight.shape[1]):
            raise ValueError(f"rows must be [{rows}, {self.weight.shape[1]}], got {tuple(x.shape)}")
        return self.weight.to(x.dtype)


class SubmanifoldConv(_Convolution):
    """3x3x3 convolution on the occupied voxels only; weight [27, Ci, Co]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(27, inputs, outputs, met=13)

    def forward(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        """Rows [N, Ci] of ``level`` to [N, Co]."""
        return backend_for(x).submanifold(x, self.weight_for(x, len(level)), level)


class DownConv(_Convolution):
    """2x2x2 convolution with stride 2, from ``level`` to the next coarser; weight [8, Ci, Co]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(8, inputs, outputs, met=4)

    def forward(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        """Rows [N, Ci] of ``level`` to [M, Co] of ``level.coarser``."""
        return backend_for(x).down(x, self.weight_for(x, len(level)), level)


class UpConv(_Convolution):
    """Transpose of DownConv: from the coarser level back to ``level``; weight [8, Ci, Co]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(8, inputs, outputs, met=1)

    def forward(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        """Rows [M, Ci] of ``level.coarser`` to [N, Co] of ``level``."""
        return backend_for(x).up(x, self.weight_for(x, len(level.coarser)), level)
