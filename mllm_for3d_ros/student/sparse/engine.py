"""The compiled convolution engine (csrc/) through ctypes: pair kernels and kernel maps for the CPU.

The library is plain C and knows nothing of torch; tensors are passed as data pointers, after their shapes
and types were checked here. ``MLLM_FOR3D_SPARSE_ISA`` (amx, avx512, avx2, baseline) forces an instruction set;
without it the best one of this processor is taken. ``amx`` is ``avx512`` with matrix units for who asks for them.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import torch

from mllm_for3d_ros.errors import DeviceError

LIBRARY = "libsparse_engine.so"
VERSION = 4
ISA_VARIABLE = "MLLM_FOR3D_SPARSE_ISA"
INSTRUCTION_SETS = ("amx", "avx512", "avx2", "baseline")
SUFFIXES = {torch.float32: "f32", torch.float64: "f64"}
"""Number types of the convolutions and the ends of their functions' names."""
_NO_MEMORY, _REPEATED, _TOO_WIDE = 1, 3, 4
_DEPTH, _SIDE, _NARROW = 32, 16, 64
"""Channels that fill a tile of matrix units, columns of one, and channels from which on they are quicker."""
_log = logging.getLogger(__name__)


def _pointer(tensor: torch.Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def _wide(number: int) -> ctypes.c_int64:
    return ctypes.c_int64(number)


def _threads() -> ctypes.c_int:
    return ctypes.c_int(torch.get_num_threads())


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows in the order the kernels read; tensors: in [P], out [P] int32, starts [blocks * K + 1] int64."""

    offsets: int
    rows_out: int
    tensors: tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class Engine:
    """The functions of one loaded library. Tensors are contiguous and on the CPU; who calls has checked it."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """``library`` is of this version and has an instruction set chosen."""
        self._library = library
        library.sparse_block_rows.restype = ctypes.c_int64
        library.sparse_chosen.restype = ctypes.c_char_p
        self.block_rows = int(library.sparse_block_rows())
        self.instruction_set = library.sparse_chosen().decode()

    def call(self, name: str, *arguments: object) -> None:
        """Run ``sparse_<name>``; numbers are ctypes, tensors their data.

        Raises:
            ValueError: voxels repeat, or their bounding box is too large for a 62 bit key.
            MemoryError: there is no memory for the function's scratch.
        """
        ready = [_pointer(a) if a is None or isinstance(a, torch.Tensor) else a for a in arguments]
        status = self._library[f"sparse_{name}"](*ready)
        if status == _REPEATED:
            raise ValueError("coords must be unique; voxelise the cloud first")
        if status == _TOO_WIDE:
            raise ValueError("the box around the voxels does not fit a 62 bit key; leave outliers out, or split it")
        if status == _NO_MEMORY:
            raise MemoryError(f"no memory for the scratch of {name}")

    def pack(self, weight: torch.Tensor, transposed: bool = False, mirrored: bool = False) -> torch.Tensor:
        """``weight`` [K, Ci, Co] in the order the kernels read, zeros to a full register.

        Args:
            weight: float32 or float64.
            transposed: take each [Ci, Co] as its transpose, so that the result multiplies gradients [., Co].
            mirrored: take the offsets in reverse order.
        """
        suffix = SUFFIXES[weight.dtype]
        offsets, inputs, outputs = weight.shape
        if transposed:
            inputs, outputs = outputs, inputs
        lanes = int(self._library[f"sparse_lanes_{suffix}"]())
        packed = weight.new_empty(offsets * inputs * -(-outputs // lanes) * lanes)
        sizes = _wide(offsets), _wide(inputs), _wide(outputs)
        flags = ctypes.c_int(transposed), ctypes.c_int(mirrored)
        self.call(f"pack_{suffix}", weight, packed, *sizes, *flags, _threads())
        return packed

    def pack_split(self, weight: torch.Tensor) -> torch.Tensor | None:
        """``weight`` [K, Ci, Co] for matrix units, as bfloat16 and what is left; None where ``pack`` is better.

        ``convolve`` with it gives the same but for about 1e-5 of the layer's values: enough for inference, where that
        does not add up over steps.
        """
        offsets, inputs, outputs = weight.shape
        suits = weight.dtype == torch.float32 and inputs % _DEPTH == 0 and min(inputs, outputs) >= _NARROW
        if self.instruction_set != "amx" or not suits:
            return None
        packed = torch.empty(2 * offsets * inputs * -(-outputs // _SIDE) * _SIDE, dtype=torch.bfloat16)
        self.call("pack_tiles", weight, packed, _wide(offsets), _wide(inputs), _wide(outputs), _threads())
        return packed

    def convolve(
        self,
        x: torch.Tensor,
        packed: torch.Tensor,
        pairs: Pairs,
        outputs: int,
        bias: torch.Tensor | None = None,
        residual: torch.Tensor | None = None,
        relu: bool = False,
        rows: torch.Tensor | None = None,
        into: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Rows [rows_out, Co]: sums of x[in] W[k], then + bias [Co], + residual [rows_out, Co], and ReLU.

        ``packed`` is of ``pack``, or of ``pack_split``.

        With ``rows`` [rows_out] int64, all different, the residual of output i is row rows[i] of ``residual``, and
        with ``into`` output i is written there as row rows[i]; what else is in ``into`` stays.
        """
        result = x.new_empty(pairs.rows_out, outputs) if into is None else into
        sizes = _wide(pairs.offsets), _wide(pairs.rows_out), _wide(x.shape[1]), _wide(outputs)
        end = bias, residual, ctypes.c_int(relu), rows, None if into is None else rows, _threads()
        kind = "tiles" if packed.dtype == torch.bfloat16 else SUFFIXES[x.dtype]
        self.call(f"convolve_{kind}", x, packed, result, *pairs.tensors, *sizes, *end)
        return result

    def weight_gradient(self, x: torch.Tensor, gradient: torch.Tensor, pairs: Pairs) -> torch.Tensor:
        """[K, Ci, Co]: sums of x[in]^T gradient[out]."""
        result = x.new_empty(pairs.offsets, x.shape[1], gradient.shape[1])
        sizes = _wide(pairs.offsets), _wide(pairs.rows_out), _wide(x.shape[1]), _wide(gradient.shape[1])
        self.call(f"weight_gradient_{SUFFIXES[x.dtype]}", x, gradient, result, *pairs.tensors, *sizes, _threads())
        return result

    def pairs(self, table: torch.Tensor, chosen: torch.Tensor | None = None) -> Pairs:
        """Which input row each output reads under K offsets, as lists by blocks of output rows.

        Args:
            table: [K, rows_out] int32 of a kernel map, -1 for none; with ``chosen``, links [., K] int32 that count
                from 1 and have 0 for none.
            chosen: [rows_out] int64 rows of the links that are the outputs.
        """
        offsets, rows = table.shape if chosen is None else (table.shape[1], len(chosen))
        blocks, sizes = -(-rows // self.block_rows), (_wide(offsets), _wide(rows), chosen)
        starts = torch.empty(blocks * offsets + 1, dtype=torch.int64)
        self.call("count_pairs", table, *sizes, starts, _threads())
        inputs, outputs = torch.empty((2, int(starts[-1])), dtype=torch.int32)
        self.call("fill_pairs", table, *sizes, starts, inputs, outputs, _threads())
        return Pairs(offsets, rows, (inputs, outputs, starts))


@functools.cache
def engine() -> Engine | None:
    """The engine of this installation; None, said once in the log, where it was not built or is out of date.

    Raises:
        DeviceError: ``MLLM_FOR3D_SPARSE_ISA`` names an instruction set that is unknown or not here.
    """
    library = load_library(Path(__file__).with_name(LIBRARY))
    if isinstance(library, str):
        remedy = "build it with: pip install -e . (needs g++)"
        _log.warning("sparse convolutions run in plain torch, at about half the speed: %s; %s", library, remedy)
        return None
    _choose(library, os.environ.get(ISA_VARIABLE))
    return Engine(library)


def load_library(path: Path) -> ctypes.CDLL | str:
    """The library at ``path``, or why there is none of use."""
    if not path.exists():
        return f"{path.name} was not built"
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        return f"{path.name} does not load ({error})"
    return library if library.sparse_version() == VERSION else f"{path.name} is of another version"


def _choose(library: ctypes.CDLL, wanted: str | None) -> None:
    """Set the instruction set: the ``wanted`` one, or the best."""
    if wanted and wanted not in INSTRUCTION_SETS:
        known = ", ".join(INSTRUCTION_SETS)
        raise DeviceError(f"{ISA_VARIABLE} is {wanted!r}: set it to one of {known}, or unset it")
    if library.sparse_choose(wanted.encode() if wanted else None):
        raise DeviceError(f"{ISA_VARIABLE} is {wanted!r}, which this processor or build lacks; unset it")
