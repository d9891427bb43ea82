"""Features with the voxels they belong to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from mllm_for3d_ros.student.sparse.keys import batched
from mllm_for3d_ros.student.sparse.layers import DownConv, SubmanifoldConv, UpConv
from mllm_for3d_ros.student.sparse.maps import Level


@dataclass(frozen=True)
class SparseTensor:
    """features: [N, C], a row for each voxel of ``level``, which keeps the kernel maps of the scene.

    finer: the level that this one was made from by ``down``, None on the finest.
    """

    features: torch.Tensor
    level: Level
    finer: SparseTensor | None = None

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or len(self.features) != len(self.level):
            raise ValueError(f"features must be [{len(self.level)}, C], got {tuple(self.features.shape)}")

    @staticmethod
    def of(features: torch.Tensor, coords: torch.Tensor) -> SparseTensor:
        """Features [N, C] at ``coords`` [N, 3] or [N, 4] (batch first), unique integers.

        Raises:
            ValueError: the coordinates are empty, repeated or too far out, or the rows are not as many.
        """
        return SparseTensor(features, Level(batched(coords)))

    @property
    def coords(self) -> torch.Tensor:
        """[N, 4] int32 (batch, x, y, z), in voxels of this level."""
        return self.level.coords

    def map(self, function: Callable[[torch.Tensor], torch.Tensor]) -> SparseTensor:
        """``function`` of the features, at the same voxels."""
        return SparseTensor(function(self.features), self.level, self.finer)

    def convolve(self, layer: SubmanifoldConv) -> SparseTensor:
        """``layer`` at the same voxels."""
        return self.map(lambda x: layer(x, self.level))

    def down(self, layer: DownConv) -> SparseTensor:
        """``layer`` to the next coarser level."""
        return SparseTensor(layer(self.features, self.level), self.level.coarser, self)

    def up(self, layer: UpConv) -> SparseTensor:
        """``layer`` back to the level that ``down`` came from.

        Raises:
            ValueError: this is the finest level.
        """
        finer = self.finer
        if finer is None:
            raise ValueError("the finest level cannot be raised further; call down first")
        return finer.map(lambda _: layer(self.features, finer.level))
