"""Voxel coordinates [N, 4] (batch, x, y, z) and what is found among them: neighbours, parents.

Each question has an answer in plain torch, on any device, and a faster one by the engine on the CPU. Both give the
same rows: a coarser level is in ascending order of (batch, x, y, z).
"""

from __future__ import annotations

import ctypes
from typing import Protocol

import torch

from mllm_for3d_ros.student.sparse.engine import Engine, engine

LIMIT = 1 << 19
"""Coordinates lie within this of zero."""
OFFSETS = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)]
"""Neighbours in the order of the weights [27, Ci, Co]; 26 - k is the mirror of k."""
_KEY_BITS = 62


def batched(coords: torch.Tensor) -> torch.Tensor:
    """``coords`` [N, 3] or [N, 4] as contiguous int32 [N, 4], batch 0 where there was none.

    Raises:
        ValueError: they are empty, of another shape, or too far from the origin.
    """
    if coords.ndim != 2 or coords.shape[1] not in (3, 4) or len(coords) == 0:
        raise ValueError(f"coords must be [N, 3] or [N, 4] (batch first) with N >= 1, got {tuple(coords.shape)}")
    if int(coords.abs().max()) >= LIMIT - 2:
        raise ValueError(f"voxel indices must lie within {LIMIT - 2} of zero; shift the cloud towards the origin")
    if coords.shape[1] == 3:
        coords = torch.nn.functional.pad(coords, (1, 0))
    return coords.to(torch.int32).contiguous()


class VoxelIndex(Protocol):
    """Answers about one set of unique voxels, from their sorted keys."""

    def neighbours(self) -> torch.Tensor:
        """[27, N] int32: the row of the neighbour under each of ``OFFSETS``, -1 where there is none."""

    def coarsen(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Coordinates [M, 4] int32 of the next coarser level, and the row of it that each voxel is in, [N] int32."""

    def strided(self, parent: torch.Tensor, coarse_count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Tables of the 2x2x2 convolution: [8, M] the child under each offset, [8, N] the parent; int32, or -1."""


def index_voxels(coords: torch.Tensor) -> VoxelIndex:
    """The index of ``coords`` [N, 4] int32, by the engine where there is one for the device.

    Raises:
        ValueError: voxels repeat, or the box around them is too large.
    """
    compiled = engine() if coords.device.type == "cpu" else None
    return TorchIndex(coords) if compiled is None else EngineIndex(coords, compiled)


class EngineIndex:
    """By walking along sorted keys, see csrc/maps.cpp."""

    def __init__(self, coords: torch.Tensor, compiled: Engine) -> None:
        self._coords, self._engine, self._count = coords, compiled, ctypes.c_int64(len(coords))
        self._key = torch.empty(len(coords), dtype=torch.int64)
        self._row = torch.empty(len(coords), dtype=torch.int32)
        self._low, self._bits = torch.empty((2, 4), dtype=torch.int32)
        compiled.call("sort", coords, self._count, self._key, self._row, self._low, self._bits)

    def neighbours(self) -> torch.Tensor:
        """See ``VoxelIndex``."""
        table = torch.empty((27, len(self._coords)), dtype=torch.int32)
        threads = ctypes.c_int(torch.get_num_threads())
        self._engine.call("neighbours", self._key, self._row, self._count, self._bits, table, threads)
        return table

    def coarsen(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See ``VoxelIndex``."""
        coarse, parent = torch.empty_like(self._coords), torch.empty_like(self._row)
        found = ctypes.c_int64()
        where = self._key, self._row, self._count, self._low, self._bits
        self._engine.call("coarsen", *where, coarse, parent, ctypes.byref(found))
        return coarse[: found.value].clone(), parent

    def strided(self, parent: torch.Tensor, coarse_count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """See ``VoxelIndex``."""
        down = torch.empty((8, coarse_count), dtype=torch.int32)
        up = torch.empty((8, len(self._coords)), dtype=torch.int32)
        self._engine.call("strided", self._coords, parent, self._count, ctypes.c_int64(coarse_count), down, up)
        return down, up


class TorchIndex:
    """By binary search in sorted keys, on any device.

    order: [N] int64 the rows in ascending order of (batch, x, y, z).
    """

    def __init__(self, coords: torch.Tensor) -> None:
        self._coords = coords
        low = coords.amin(0).long() - 1
        extent = coords.amax(0).long() + 2 - low
        bits = [int(e - 1).bit_length() for e in extent]
        if sum(bits) > _KEY_BITS:
            raise ValueError("the box around the voxels does not fit a 62 bit key; leave outliers out, or split it")
        self._steps = [1 << sum(bits[axis + 1 :]) for axis in range(4)]
        self._key, self.order = torch.sort(self._packed(coords.long() - low))
        if bool((self._key[1:] == self._key[:-1]).any()):
            raise ValueError("coords must be unique; voxelise the cloud first")

    def _packed(self, relative: torch.Tensor) -> torch.Tensor:
        return (relative * torch.tensor(self._steps, device=relative.device)).sum(1)

    def neighbours(self) -> torch.Tensor:
        """See ``VoxelIndex``."""
        count, key, order = len(self._coords), self._key, self.order
        rows = order.int()
        table = torch.full((27, count), -1, dtype=torch.int32, device=key.device)
        table[13] = torch.arange(count, device=key.device, dtype=torch.int32)
        for k, offset in enumerate(OFFSETS[:13]):
            wanted = key + sum(o * step for o, step in zip(offset, self._steps[1:], strict=True))
            place = torch.searchsorted(key, wanted).clamp(max=count - 1)
            found = torch.nonzero(key[place] == wanted).squeeze(1)
            here, there = order[found], order[place[found]]
            table[k, here], table[26 - k, there] = rows[place[found]], rows[found]
        return table

    def coarsen(self) -> tuple[torch.Tensor, torch.Tensor]:
        """See ``VoxelIndex``."""
        halved = self._coords.clone()
        halved[:, 1:] = torch.div(self._coords[:, 1:], 2, rounding_mode="floor")
        _, parent = torch.unique(self._packed(halved.long() - halved.amin(0)), return_inverse=True)
        coarse = halved.new_empty((int(parent.max()) + 1, 4))
        coarse[parent] = halved
        return coarse, parent.int()

    def strided(self, parent: torch.Tensor, coarse_count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """See ``VoxelIndex``."""
        count, device = len(self._coords), self._coords.device
        rows = torch.arange(count, dtype=torch.int32, device=device)
        slot = ((self._coords[:, 1:] & 1) * torch.tensor([4, 2, 1], device=device)).sum(1)
        down = torch.full((8, coarse_count), -1, dtype=torch.int32, device=device)
        up = torch.full((8, count), -1, dtype=torch.int32, device=device)
        down[slot, parent.long()], up[slot, rows.long()] = rows, parent
        return down, up
