"""Convolution of chosen rows: outputs are computed for some rows only, and read rows of the whole map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numba import njit

from mllm_for3d_ros.student.key_table import OPTIONS
from mllm_for3d_ros.student.program import Layer
from mllm_for3d_ros.student.sparse import backend_for
from mllm_for3d_ros.student.sparse.engine import Engine, Pairs, engine

_UNFOLDED = {"cpu": 512}
"""Rows that plain torch unfolds at a time: in the cache of a CPU; a GPU takes more."""


@dataclass(frozen=True)
class Meetings:
    """What n outputs of a layer read.

    links: [., K] int32 rows from 1 that a row reads under K offsets, 0 for none. rows: [n] int64 of the outputs in it.
    device: where the network computes.
    """

    links: np.ndarray
    rows: np.ndarray
    device: str

    @cached_property
    def pairs(self) -> Pairs:
        """The lists that the compiled engine reads."""
        return _compiled().pairs(torch.from_numpy(self.links), torch.from_numpy(self.rows))

    @cached_property
    def table(self) -> torch.Tensor:
        """[n, K] int32 ``links`` of the outputs."""
        return torch.from_numpy(self.links[self.rows]).to(self.device)

    @cached_property
    def lists(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """(rows from 1, outputs) int64 of each offset."""
        columns = self.table.T.contiguous()
        found = [torch.nonzero(column).squeeze(1) for column in columns]
        return [(column[out].long(), out) for column, out in zip(columns, found, strict=True)]


class Convolution:
    """One layer of a program that looks beyond its own voxel, its weights packed for the engine where there is one."""

    def __init__(self, layer: Layer, device: str) -> None:
        stage = layer.stages[0]
        self._layer = layer
        self._weight = stage.weight.to(device).contiguous()
        self._bias = None if stage.bias is None else stage.bias.to(device)
        self._packed = _packed(self._weight) if backend_for(self._weight).name == "cpp" else None

    def __call__(
        self,
        values: torch.Tensor,
        meetings: Meetings,
        rows: torch.Tensor,
        added: torch.Tensor | None,
        into: torch.Tensor | None,
    ) -> torch.Tensor:
        """Outputs [n, Co]; with ``into`` they are written there instead, and it is returned.

        Args:
            values: [capacity, Ci] the source, row 0 zero.
            meetings: which rows of it.
            rows: [n] int64 of the outputs in ``added`` and ``into``, all different.
            added: [capacity, Co] the added value.
            into: [capacity, Co].
        """
        relu = self._layer.stages[0].relu
        if self._packed is not None:
            width = self._weight.shape[2]
            return _compiled().convolve(
                values[1:], self._packed, meetings.pairs, width, self._bias, added, relu, rows, into
            )
        result = self._unfolded(values, meetings) if self._layer.kind == "around" else self._listed(values, meetings)
        for term in (self._bias, None if added is None else added.index_select(0, rows)):
            if term is not None:
                result += term
        result = result.relu_() if relu else result
        return result if into is None else into.index_copy_(0, rows, result)

    def _unfolded(self, values: torch.Tensor, meetings: Meetings) -> torch.Tensor:
        matrix = self._weight.flatten(0, 1)
        result = values.new_empty(len(meetings.rows), matrix.shape[1])
        chunk = _UNFOLDED.get(values.device.type, 1 << 16)
        for start in range(0, len(result), chunk):
            rows = meetings.table[start : start + chunk]
            torch.mm(
                values.index_select(0, rows.reshape(-1)).view(len(rows), -1), matrix, out=result[start : start + chunk]
            )
        return result

    def _listed(self, values: torch.Tensor, meetings: Meetings) -> torch.Tensor:
        result = values.new_zeros(len(meetings.rows), self._weight.shape[2])
        for weight, (read, out) in zip(self._weight, meetings.lists, strict=True):
            result.index_add_(0, out, values[read] @ weight)
        return result


def _packed(weight: torch.Tensor) -> torch.Tensor:
    split = _compiled().pack_split(weight)
    return _compiled().pack(weight) if split is None else split


def _compiled() -> Engine:
    compiled = engine()
    assert compiled is not None, "only asked for where the backend is cpp"
    return compiled


@njit(**OPTIONS)
def parent_by_octant(parents, keys, rows):  # type: ignore[no-untyped-def]
    """[n, 8] int32 the parent (from 1) of each of n ``rows`` under its octant, 0 elsewhere; what "up" reads."""
    links = np.zeros((rows.size, 8), np.int32)
    for i in range(rows.size):
        key = keys[rows[i]]
        links[i, ((key >> 42) & 1) << 2 | ((key >> 21) & 1) << 1 | (key & 1)] = parents[rows[i]]
    return links
