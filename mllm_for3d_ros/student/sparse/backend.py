"""What a backend of sparse convolution has to offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch

from mllm_for3d_ros.student.sparse.maps import Level


@dataclass(frozen=True)
class Finish:
    """What follows a convolution in a network for inference: + bias [Co], + residual [N, Co], ReLU."""

    bias: torch.Tensor | None = None
    residual: torch.Tensor | None = None
    relu: bool = False

    def apply(self, y: torch.Tensor) -> torch.Tensor:
        """The same by separate operations."""
        if self.bias is not None:
            y = y + self.bias
        if self.residual is not None:
            y = y + self.residual
        return torch.relu(y) if self.relu else y


class Backend(ABC):
    """Three convolutions of rows, differentiable in rows and weights; all backends give the same numbers.

    Weights [K, Ci, Co] are in the order of ``keys.OFFSETS`` (27) and of (0, 1)^3, z fastest (8).
    """

    name: str

    @abstractmethod
    def problem(self, x: torch.Tensor) -> str | None:
        """Why this backend cannot take rows like ``x`` here (device, type, not installed); None if it can."""

    @abstractmethod
    def submanifold(self, x: torch.Tensor, weight: torch.Tensor, level: Level) -> torch.Tensor:
        """Rows [N, Ci] of ``level`` to [N, Co]; weight [27, Ci, Co]."""

    @abstractmethod
    def down(self, x: torch.Tensor, weight: torch.Tensor, level: Level) -> torch.Tensor:
        """Rows [N, Ci] of ``level`` to [M, Co] of the coarser one; weight [8, Ci, Co]."""

    @abstractmethod
    def up(self, x: torch.Tensor, weight: torch.Tensor, level: Level) -> torch.Tensor:
        """Rows [M, Ci] of the level coarser than ``level`` to [N, Co] of ``level``; weight [8, Ci, Co]."""

    def finished(self, kind: str, x: torch.Tensor, weight: torch.Tensor, level: Level, finish: Finish) -> torch.Tensor:
        """The convolution ``kind`` ("submanifold", "down", "up") and what follows it, for inference only."""
        result: torch.Tensor = getattr(self, kind)(x, weight, level)
        return finish.apply(result)
