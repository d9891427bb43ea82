"""Which input row meets which output row under each kernel offset, and the levels of a scene."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch

from mllm_for3d_ros.student.sparse.engine import Engine, Pairs
from mllm_for3d_ros.student.sparse.keys import VoxelIndex, batched, index_voxels


class KernelMap:
    """Meetings of rows under K offsets; each backend's own form of it is made once and kept.

    table: [K, rows_out] int32, the input row under each offset, -1 where there is none. Under one offset an
    input row meets one output row at most.
    """

    def __init__(self, table: torch.Tensor, rows_in: int) -> None:
        self.table, self.rows_in = table, rows_in
        self._adjoint: KernelMap | None = None
        self._pairs: Pairs | None = None

    @property
    def offsets(self) -> int:
        """K."""
        return int(self.table.shape[0])

    @property
    def rows_out(self) -> int:
        """Number of output rows."""
        return int(self.table.shape[1])

    @property
    def mirrored(self) -> bool:
        """Whether the map is its own adjoint with the offsets in reverse order: submanifold convolution."""
        return self._adjoint is None

    @property
    def adjoint(self) -> KernelMap:
        """The map from output rows back to input rows; where ``mirrored``, this one."""
        return self if self._adjoint is None else self._adjoint

    @cached_property
    def count(self) -> int:
        """Number of pairs."""
        return int((self.table >= 0).sum())

    def pairs(self, engine: Engine) -> Pairs:
        """The lists that the engine's kernels read."""
        if self._pairs is None:
            self._pairs = engine.pairs(self.table)
        return self._pairs

    @cached_property
    def columns(self) -> torch.Tensor:
        """[rows_out, K] int64 input rows, ``rows_in`` where there is none."""
        rows = self.table.T.long()
        return torch.where(rows < 0, self.rows_in, rows).contiguous()

    @cached_property
    def lists(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """(input rows, output rows) int64 of each offset."""
        found = [torch.nonzero(rows >= 0).squeeze(1) for rows in self.table]
        return [(rows[out].long(), out) for rows, out in zip(self.table, found, strict=True)]

    @staticmethod
    def strided(down: torch.Tensor, up: torch.Tensor) -> tuple[KernelMap, KernelMap]:
        """Maps of a strided convolution and of its transpose, each the other's adjoint, from their tables."""
        maps = KernelMap(down, up.shape[1]), KernelMap(up, down.shape[1])
        maps[0]._adjoint, maps[1]._adjoint = maps[1], maps[0]
        return maps


class Level:
    """The voxels of one resolution; kernel maps and the next coarser level are made when first asked for.

    coords: [N, 4] int32 (batch, x, y, z), unique.
    cache: what backends keep of their own for this level, by backend.
    """

    def __init__(self, coords: torch.Tensor) -> None:
        """``coords`` is as ``batched`` makes it.

        Raises:
            ValueError: voxels repeat, or the box around them is too large.
        """
        self.coords = coords
        self.cache: dict[str, Any] = {}
        self._index: VoxelIndex = index_voxels(coords)

    def __len__(self) -> int:
        return len(self.coords)

    @cached_property
    def submanifold(self) -> KernelMap:
        """The map of the 3x3x3 convolution from this level to itself."""
        return KernelMap(self._index.neighbours(), len(self))

    @cached_property
    def coarser(self) -> Level:
        """The next level, of voxels twice as large."""
        return Level(self._coarsened[0])

    @property
    def parent(self) -> torch.Tensor:
        """[N] int32 row of the coarser level that each voxel is in."""
        return self._coarsened[1]

    @property
    def down(self) -> KernelMap:
        """The map of the 2x2x2 convolution with stride 2, to the coarser level."""
        return self._strided[0]

    @property
    def up(self) -> KernelMap:
        """The map of its transpose, from the coarser level to this one."""
        return self._strided[1]

    @cached_property
    def _coarsened(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self._index.coarsen()

    @cached_property
    def _strided(self) -> tuple[KernelMap, KernelMap]:
        coarse, parent = self._coarsened
        return KernelMap.strided(*self._index.strided(parent, len(coarse)))


def build_levels(coords: torch.Tensor, count: int) -> list[Level]:
    """``count`` levels, each half as fine as the one before.

    Args:
        coords: [N, 3] or [N, 4] (batch first) integer voxel indices, unique, N >= 1, in the order of the feature rows.
        count: number of levels.

    Raises:
        ValueError: the coordinates are empty, repeated, or too far from the origin.
    """
    levels = [Level(batched(coords))]
    while len(levels) < count:
        levels.append(levels[-1].coarser)
    return levels
