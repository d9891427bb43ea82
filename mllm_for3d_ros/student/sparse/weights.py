"""Weights of other libraries' sparse convolutions in our order, and back."""

from __future__ import annotations

from collections.abc import Mapping

import torch


def _side(offsets: int) -> int:
    side = round(offsets ** (1 / 3))
    if side**3 != offsets:
        raise ValueError(f"a weight's first dimension must be a cube, got {offsets}")
    return side


def from_minkowski(kernel: torch.Tensor) -> torch.Tensor:
    """MinkowskiEngine's kernel [K, Ci, Co] (x fastest) as our weight [K, Ci, Co] (z fastest); its own inverse.

    Raises:
        ValueError: K is no cube.
    """
    side = _side(len(kernel))
    return kernel.reshape(side, side, side, *kernel.shape[1:]).permute(2, 1, 0, 3, 4).reshape(kernel.shape)


def to_spconv(weight: torch.Tensor) -> torch.Tensor:
    """Our weight [K, Ci, Co] as that of spconv 2, [Co, k, k, k, Ci].

    Raises:
        ValueError: K is no cube.
    """
    side = _side(len(weight))
    return weight.reshape(side, side, side, *weight.shape[1:]).permute(4, 0, 1, 2, 3).contiguous()


def minkowski_checkpoint(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A MinkowskiEngine state dict with its 3-dimensional ``*.kernel`` as our ``*.weight``, norms as they are.

    Kernels of 1x1x1, which it keeps as [Ci, Co], become [1, Ci, Co].

    Raises:
        ValueError: a kernel is not cubic.
    """
    result = {}
    for name, value in tensors.items():
        if name.endswith(".kernel"):
            cubic = value[None] if value.ndim == 2 else value
            result[name.removesuffix("kernel") + "weight"] = from_minkowski(cubic)
        else:
            result[name.replace(".bn.", ".")] = value
    return result
