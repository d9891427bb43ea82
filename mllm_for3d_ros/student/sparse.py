"""Sparse 3D convolution in plain torch: submanifold 3x3x3, and stride-2 down and up between levels.

Features are rows [N, C] over the occupied voxels of a level. A submanifold convolution gathers the 27
neighbours of a chunk of rows (im2col) and multiplies once, so no more than ``CHUNK`` rows are unfolded
at a time. Missing neighbours point at a row of zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

CHUNK = 512
_OFFSETS = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)]
_BITS = 20
_BIAS = 1 << (_BITS - 1)


@dataclass(frozen=True)
class Level:
    """The voxels of one resolution.

    count: number of voxels N. neighbours: [N, 27] int64 rows, N where there is none; column 26 - k
    mirrors column k (empty [0, 27] on a finest level that was built without).
    parent: [N] int64 row in the next coarser level; octant: 8 tensors, the rows that are its k-th child.
    """

    count: int
    neighbours: torch.Tensor
    parent: torch.Tensor | None
    octant: tuple[torch.Tensor, ...]

    def __len__(self) -> int:
        return self.count


def pack(coords: torch.Tensor) -> torch.Tensor:
    """One int64 key for each of ``coords`` [N, 3] (components within 2^19 of zero)."""
    c = coords.long() + _BIAS
    return (c[:, 0] << (2 * _BITS)) | (c[:, 1] << _BITS) | c[:, 2]


def build_levels(coords: torch.Tensor, count: int, finest: bool = True) -> list[Level]:
    """Neighbour tables of ``count`` levels, each half as fine as the one before.

    Args:
        coords: [N, 3] integer voxel indices, unique, N >= 1.
        count: number of levels.
        finest: whether the first level gets a neighbour table too.

    Raises:
        ValueError: the coordinates are empty, repeated, or too far from the origin.
    """
    if coords.ndim != 2 or coords.shape[1] != 3 or len(coords) == 0:
        raise ValueError(f"coords must be [N, 3] with N >= 1, got {tuple(coords.shape)}")
    if int(coords.abs().max()) >= _BIAS - 2:
        raise ValueError(f"voxel indices must lie within {_BIAS - 2} of zero; shift the cloud towards the origin")
    if len(torch.unique(pack(coords))) != len(coords):
        raise ValueError("coords must be unique; voxelise the cloud first")
    levels = []
    for index in range(count):
        wanted = finest or index > 0
        neighbours = _neighbours(coords) if wanted else torch.empty((0, 27), dtype=torch.int64, device=coords.device)
        if index + 1 == count:
            levels.append(Level(len(coords), neighbours, None, ()))
            break
        halved = torch.div(coords, 2, rounding_mode="floor")
        _, parent = torch.unique(pack(halved), return_inverse=True)
        slot = (coords - 2 * halved).long() @ torch.tensor([4, 2, 1], device=coords.device)
        levels.append(
            Level(len(coords), neighbours, parent, tuple(torch.nonzero(slot == k).squeeze(1) for k in range(8)))
        )
        coarse = coords.new_empty((int(parent.max()) + 1, 3))
        coarse[parent] = halved
        coords = coarse
    return levels


def _neighbours(coords: torch.Tensor) -> torch.Tensor:
    """[N, 27] rows of the voxels around each voxel, N where a place is empty."""
    n = len(coords)
    key, order = torch.sort(pack(coords))
    rows = torch.arange(n, device=coords.device)
    table = torch.full((27, n), n, dtype=torch.int64, device=coords.device)
    table[13] = rows
    for k in range(13):
        x, y, z = _OFFSETS[k]
        wanted = key + ((x << (2 * _BITS)) + (y << _BITS) + z)
        place = torch.searchsorted(key, wanted).clamp(max=n - 1)
        found = torch.nonzero(key[place] == wanted).squeeze(1)
        here, there = order[found], order[place[found]]
        table[k, here] = there
        table[26 - k, there] = here
    return table.T.contiguous()


class _Submanifold(torch.autograd.Function):
    """y[i] = sum_k x[neighbour_k(i)] W[k]; the input gradient reuses the table mirrored."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, neighbours: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight, neighbours)
        return _gather_matmul(x, neighbours, weight.reshape(-1, weight.shape[2]))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        x, weight, neighbours = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        to_input = to_weight = None
        if ctx.needs_input_grad[0]:
            mirrored = weight.flip(0).transpose(1, 2).reshape(-1, weight.shape[1])
            to_input = _gather_matmul(gradient, neighbours, mirrored)
        if ctx.needs_input_grad[1]:
            padded = torch.cat([x, x.new_zeros(1, x.shape[1])])
            total = x.new_zeros(27 * x.shape[1], gradient.shape[1])
            for start in range(0, len(x), CHUNK):
                rows = neighbours[start : start + CHUNK]
                unfolded = padded.index_select(0, rows.reshape(-1)).view(len(rows), -1)
                total.addmm_(unfolded.T, gradient[start : start + CHUNK])
            to_weight = total.view_as(weight)
        return to_input, to_weight, None


def _gather_matmul(x: torch.Tensor, neighbours: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """Rows of ``x`` [N, C] gathered by ``neighbours`` [N, 27] times ``matrix`` [27 C, Co]."""
    padded = torch.cat([x, x.new_zeros(1, x.shape[1])])
    result = x.new_empty(len(neighbours), matrix.shape[1])
    for start in range(0, len(neighbours), CHUNK):
        rows = neighbours[start : start + CHUNK]
        unfolded = padded.index_select(0, rows.reshape(-1)).view(len(rows), -1)
        torch.mm(unfolded, matrix, out=result[start : start + CHUNK])
    return result


class SubmanifoldConv(nn.Module):
    """3x3x3 convolution on the occupied voxels only, no bias; weight [27, Ci, Co]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(27, inputs, outputs) * (2.0 / (13 * inputs)) ** 0.5)

    def forward(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        """Rows [N, Ci] of ``level`` to [N, Co]."""
        result: torch.Tensor = _Submanifold.apply(x, self.weight, level.neighbours)
        return result


class DownConv(nn.Module):
    """2x2x2 convolution with stride 2, from ``level`` to the next coarser; weight [8, Ci, Co]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, inputs, outputs) * (2.0 / (4 * inputs)) ** 0.5)

    def forward(self, x: torch.Tensor, level: Level, coarse_count: int) -> torch.Tensor:
        """Rows [N, Ci] of ``level`` to [coarse_count, Co] of the next coarser one."""
        assert level.parent is not None
        result = x.new_zeros(coarse_count, self.weight.shape[2])
        for k, rows in enumerate(level.octant):
            result = result.index_add(0, level.parent[rows], x[rows] @ self.weight[k])
        return result


class UpConv(nn.Module):
    """Transpose of DownConv: from the coarser level back to ``level``; weight [8, Ci, Co]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, inputs, outputs) * (2.0 / inputs) ** 0.5)

    def forward(self, x: torch.Tensor, level: Level) -> torch.Tensor:
        """Rows [M, Ci] of the coarser level to [N, Co] of ``level``."""
        assert level.parent is not None
        result = x.new_zeros(len(level), self.weight.shape[2])
        for k, rows in enumerate(level.octant):
            result = result.index_copy(0, rows, x[level.parent[rows]] @ self.weight[k])
        return result
