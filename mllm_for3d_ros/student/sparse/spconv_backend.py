"""spconv 2 and spconv-triton, which has the same interface, as backends on a GPU.

Neither is chosen by itself: ask for one by name. spconv's CPU kernels give wrong sums with two threads and are refused.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

import torch
from torch.func import functional_call

from mllm_for3d_ros.student.sparse.backend import Backend
from mllm_for3d_ros.student.sparse.keys import TorchIndex
from mllm_for3d_ros.student.sparse.maps import Level
from mllm_for3d_ros.student.sparse.weights import to_spconv

_PAIRS = "halving"
"""Name under which spconv keeps which rows the strided convolution joined."""


class SpconvBackend(Backend):
    """A library with the interface of ``spconv.pytorch``."""

    def __init__(self, name: str, module: str) -> None:
        """``module`` is imported when the backend is first asked for."""
        self.name, self._module = name, module

    @functools.cached_property
    def _library(self) -> Any:
        try:
            return importlib.import_module(self._module)
        except (ImportError, OSError) as error:
            return f"{self._module} cannot be imported ({error})"

    def problem(self, x: torch.Tensor) -> str | None:
        """See ``Backend``."""
        if x.device.type != "cuda":
            return f"{self.name} computes on a GPU, not on {x.device.type}"
        return self._library if isinstance(self._library, str) else None

    def submanifold(self, x: torch.Tensor, weight: torch.Tensor, level: Level) -> torch.Tensor:
        """See ``Backend``."""
        layer = self._library.SubMConv3d(*weight.shape[1:], 3, padding=1, bias=False, indice_key="around")
        return self._run(layer, weight, self._state(level).around.replace_feature(x))

    def down(self, x: torch.Tensor, weight: torch.Tensor, level: Level) -> torch.Tensor:
        """See ``Backend``."""
        state = self._state(level)
        layer = self._library.SparseConv3d(*weight.shape[1:], 2, stride=2, bias=False, indice_key=_PAIRS)
        return self._run(layer, weight, state.around.replace_feature(x))[state.theirs]

    def up(self, x: torch.Tensor, weight: torch.Tensor, level: Level) -> torch.Tensor:
        """See ``Backend``."""
        state = self._state(level)
        layer = self._library.SparseInverseConv3d(*weight.shape[1:], 2, bias=False, indice_key=_PAIRS)
        return self._run(layer, weight, state.halved.replace_feature(x[state.ours]))

    def _run(self, layer: Any, weight: torch.Tensor, tensor: Any) -> torch.Tensor:
        layer = layer.to(weight.device, weight.dtype)
        result: torch.Tensor = functional_call(layer, {"weight": to_spconv(weight)}, (tensor,)).features
        return result

    def _state(self, level: Level) -> _State:
        if self.name not in level.cache:
            level.cache[self.name] = _State(self._library, level)
        state: _State = level.cache[self.name]
        return state


class _State:
    """The library's tensors of a level and of the coarser one.

    ours: [M] our coarse row of each of its coarse rows; theirs: [M] the other way round.
    """

    def __init__(self, library: Any, level: Level) -> None:
        low = level.coords.amin(0)
        low[1:] -= low[1:] & 1  # even, so that pairs of voxels stay together
        indices = (level.coords - low).contiguous()
        extent = indices.amax(0) + 1
        shape = [int(e) + int(e) % 2 for e in extent[1:]]
        features = torch.zeros(len(indices), 1, device=indices.device)
        self.around = library.SparseConvTensor(features, indices, shape, int(extent[0]))
        halving = library.SparseConv3d(1, 1, 2, stride=2, bias=False, indice_key=_PAIRS).to(indices.device)
        with torch.no_grad():
            self.halved = halving(self.around)
        low[1:] //= 2
        self.theirs = TorchIndex(self.halved.indices + low).order
        self.ours = torch.empty_like(self.theirs)
        self.ours[self.theirs] = torch.arange(len(self.theirs), device=self.theirs.device)
