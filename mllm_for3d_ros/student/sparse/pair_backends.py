"""The two backends that work on kernel maps: ``cpp`` (the engine, CPU) and ``torch`` (any device)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.utils.weak import WeakTensorKeyDictionary

from mllm_for3d_ros.student.sparse.backend import Backend, Finish
from mllm_for3d_ros.student.sparse.engine import SUFFIXES, Engine, engine
from mllm_for3d_ros.student.sparse.maps import KernelMap, Level

_UNFOLDED = {"cpu": 512, "cuda": 1 << 16}
"""Rows that the torch backend unfolds at a time: in the cache of a CPU, enough to fill a GPU."""


class PairBackend(Backend):
    """A backend by its three kernels; the gradients follow from them."""

    def submanifold(self, x: torch.Tensor, weight: torch.Tensor, level: Level) -> torch.Tensor:
        """See ``Backend``."""
        return self._apply(x, weight, level.submanifold)

    def down(self, x: torch.Tensor, weight: torch.Tensor, level: Level) -> torch.Tensor:
        """See ``Backend``."""
        return self._apply(x, weight, level.down)

    def up(self, x: torch.Tensor, weight: torch.Tensor, level: Level) -> torch.Tensor:
        """See ``Backend``."""
        return self._apply(x, weight, level.up)

    def _apply(self, x: torch.Tensor, weight: torch.Tensor, kernel_map: KernelMap) -> torch.Tensor:
        result: torch.Tensor = _Convolution.apply(x, weight, kernel_map, self)
        return result

    @abstractmethod
    def forward(self, x: torch.Tensor, weight: torch.Tensor, kernel_map: KernelMap) -> torch.Tensor:
        """[rows_out, Co]: sums of x[in] W[k] over the pairs."""

    @abstractmethod
    def input_gradient(self, gradient: torch.Tensor, weight: torch.Tensor, kernel_map: KernelMap) -> torch.Tensor:
        """[rows_in, Ci]: sums of gradient[out] W[k]^T."""

    @abstractmethod
    def weight_gradient(self, x: torch.Tensor, gradient: torch.Tensor, kernel_map: KernelMap) -> torch.Tensor:
        """[K, Ci, Co]: sums of x[in]^T gradient[out]."""


class _Convolution(torch.autograd.Function):
    """One convolution over a kernel map, by the kernels of a backend."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, kernel_map: KernelMap, backend: PairBackend
    ) -> torch.Tensor:
        x, weight = x.contiguous(), weight.contiguous()
        ctx.save_for_backward(x, weight)
        ctx.kernel_map, ctx.backend = kernel_map, backend
        return backend.forward(x, weight, kernel_map)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        to_x = to_weight = None
        if ctx.needs_input_grad[0]:
            to_x = ctx.backend.input_gradient(gradient, weight, ctx.kernel_map)
        if ctx.needs_input_grad[1]:
            to_weight = ctx.backend.weight_gradient(x, gradient, ctx.kernel_map)
        return to_x, to_weight, None, None


class CppBackend(PairBackend):
    """The engine: float32 with the processor's vectors, float64 for checks."""

    name = "cpp"

    def __init__(self) -> None:
        self._packed = WeakTensorKeyDictionary()

    def problem(self, x: torch.Tensor) -> str | None:
        """See ``Backend``."""
        if x.device.type != "cpu":
            return f"the engine computes on the CPU, not on {x.device.type}"
        if x.dtype not in SUFFIXES:
            return f"the engine computes in float32 or float64, not in {str(x.dtype).removeprefix('torch.')}"
        return "the engine is not built" if engine() is None else None

    def forward(self, x: torch.Tensor, weight: torch.Tensor, kernel_map: KernelMap) -> torch.Tensor:
        """See ``PairBackend``."""
        compiled = _loaded()
        return compiled.convolve(x, compiled.pack(weight), kernel_map.pairs(compiled), weight.shape[2])

    def input_gradient(self, gradient: torch.Tensor, weight: torch.Tensor, kernel_map: KernelMap) -> torch.Tensor:
        """See ``PairBackend``."""
        compiled = _loaded()
        packed = compiled.pack(weight, transposed=True, mirrored=kernel_map.mirrored)
        return compiled.convolve(gradient, packed, kernel_map.adjoint.pairs(compiled), weight.shape[1])

    def weight_gradient(self, x: torch.Tensor, gradient: torch.Tensor, kernel_map: KernelMap) -> torch.Tensor:
        """See ``PairBackend``."""
        compiled = _loaded()
        return compiled.weight_gradient(x, gradient, kernel_map.pairs(compiled))

    def finished(self, kind: str, x: torch.Tensor, weight: torch.Tensor, level: Level, finish: Finish) -> torch.Tensor:
        """See ``Backend``: all in one pass over the rows; the packed weight is kept as long as ``weight`` is."""
        compiled = _loaded()
        if weight not in self._packed:
            self._packed[weight] = compiled.pack(weight.contiguous())
        kernel_map: KernelMap = getattr(level, kind)
        rest = None if finish.residual is None else finish.residual.contiguous()
        pairs, outputs = kernel_map.pairs(compiled), weight.shape[2]
        return compiled.convolve(x.contiguous(), self._packed[weight], pairs, outputs, finish.bias, rest, finish.relu)


def _loaded() -> Engine:
    compiled = engine()
    assert compiled is not None, "backends are asked for their problem first"
    return compiled


class TorchBackend(PairBackend):
    """Plain torch: rows are gathered and multiplied, a chunk of all offsets or one offset at a time."""

    name = "torch"

    def problem(self, x: torch.Tensor) -> str | None:
        """See ``Backend``."""
        return None

    def forward(self, x: torch.Tensor, weight: torch.Tensor, kernel_map: KernelMap) -> torch.Tensor:
        """See ``PairBackend``."""
        if kernel_map.mirrored:  # half of the places are taken: unfold them all
            return _unfolded_product(x, kernel_map, weight.reshape(-1, weight.shape[2]))
        result = x.new_zeros(kernel_map.rows_out, weight.shape[2])
        for layer, (rows_in, rows_out) in zip(weight, kernel_map.lists, strict=True):
            result.index_add_(0, rows_out, x[rows_in] @ layer)
        return result

    def input_gradient(self, gradient: torch.Tensor, weight: torch.Tensor, kernel_map: KernelMap) -> torch.Tensor:
        """See ``PairBackend``."""
        ordered = weight.flip(0) if kernel_map.mirrored else weight
        return self.forward(gradient, ordered.transpose(1, 2), kernel_map.adjoint)

    def weight_gradient(self, x: torch.Tensor, gradient: torch.Tensor, kernel_map: KernelMap) -> torch.Tensor:
        """See ``PairBackend``."""
        inputs, outputs = x.shape[1], gradient.shape[1]
        if not kernel_map.mirrored:
            lists = kernel_map.lists
            return torch.stack([x[rows_in].T @ gradient[rows_out] for rows_in, rows_out in lists])
        padded = torch.cat([x, x.new_zeros(1, inputs)])
        total = x.new_zeros(kernel_map.offsets * inputs, outputs)
        chunk = _chunk(x)
        for start in range(0, kernel_map.rows_out, chunk):
            rows = kernel_map.columns[start : start + chunk]
            unfolded = padded.index_select(0, rows.reshape(-1)).view(len(rows), -1)
            total.addmm_(unfolded.T, gradient[start : start + chunk])
        return total.view(kernel_map.offsets, inputs, outputs)


def _chunk(x: torch.Tensor) -> int:
    return _UNFOLDED.get(x.device.type, _UNFOLDED["cuda"])


def _unfolded_product(x: torch.Tensor, kernel_map: KernelMap, matrix: torch.Tensor) -> torch.Tensor:
    """Rows of ``x`` [N, C], gathered to [., K C], times ``matrix`` [K C, Co]."""
    padded = torch.cat([x, x.new_zeros(1, x.shape[1])])
    result = x.new_empty(kernel_map.rows_out, matrix.shape[1])
    chunk = _chunk(x)
    for start in range(0, kernel_map.rows_out, chunk):
        rows = kernel_map.columns[start : start + chunk]
        unfolded = padded.index_select(0, rows.reshape(-1)).view(len(rows), -1)
        torch.mm(unfolded, matrix, out=result[start : start + chunk])
    return result
