"""Small random voxel scenes, and dense convolutions of them to compare with."""

import numpy as np
import torch
from torch.nn import functional as F


def scattered(count: int, seed: int = 0, extent: int = 6, lowest: int = -3, batches: int = 0) -> torch.Tensor:
    """Unique random voxels [N, 3] int32, some negative; [N, 4] with the batch first where there are ``batches``."""
    rng = np.random.default_rng(seed)
    coords = rng.integers(lowest, lowest + extent, (count, 3))
    if batches:
        coords = np.column_stack([rng.integers(0, batches, count), coords])
    return torch.from_numpy(rng.permutation(np.unique(coords, axis=0)).astype(np.int32))


class Volume:
    """A dense stand-in for scattered voxels: puts rows into it and picks rows out of it."""

    def __init__(self, coords: torch.Tensor, lowest: int, extent: int) -> None:
        with_batch = coords if coords.shape[1] == 4 else F.pad(coords, (1, 0))
        batch, x, y, z = with_batch.long().T
        self._shape = (int(batch.max()) + 1, extent, extent, extent)
        self._places = (batch, x - lowest, y - lowest, z - lowest)

    def put(self, rows: torch.Tensor) -> torch.Tensor:
        """[B, C, X, Y, Z] of rows [N, C], differentiable."""
        empty = rows.new_zeros(*self._shape, rows.shape[1])
        return empty.index_put(self._places, rows).permute(0, 4, 1, 2, 3)

    def pick(self, volume: torch.Tensor) -> torch.Tensor:
        """Rows [N, C] of a volume [B, C, X, Y, Z]."""
        return volume.permute(0, 2, 3, 4, 1)[self._places]


def kernel(weight: torch.Tensor) -> torch.Tensor:
    """Weight [K, Ci, Co] as that of conv3d, [Co, Ci, k, k, k]."""
    size = round(len(weight) ** (1 / 3))
    return weight.reshape(size, size, size, *weight.shape[1:]).permute(4, 3, 0, 1, 2)
