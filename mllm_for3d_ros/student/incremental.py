"""What the compact network computed of a map, kept so that a change costs what it touches and no more.

Every layer's values stay. A change of some voxels is carried from layer to layer: around a convolution it grows
by one voxel of that level, up and down it becomes children and parents. Rows it does not reach are as they
were, to the bit; rows it reaches are computed as in a full pass, so the two agree to float rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mllm_for3d_ros.student.cells import Cells
from mllm_for3d_ros.student.convolution import Convolution, Meetings, links_by_offset, parent_by_octant
from mllm_for3d_ros.student.grids import GridTree
from mllm_for3d_ros.student.memory import Compute
from mllm_for3d_ros.student.program import Layer, Program, Stage


@dataclass(frozen=True)
class _Work:
    """Rows [n] int64 of a layer's output to compute, those [g] that became nothing, and what the outputs read."""

    rows: np.ndarray
    gone: np.ndarray
    meetings: Meetings | None


class IncrementalNetwork:
    """The values of a map in every layer.

    Args:
        programs: one for each turned copy that is averaged; they differ in weights only.
        device: where the values are kept and computed.
    """

    def __init__(self, programs: Sequence[Program], device: str = "cpu") -> None:
        self._layers = programs[0]
        self._device = device
        self._passes = [_Pass(program, device) for program in programs]

    @property
    def levels(self) -> int:
        """Levels of the network, the finest among them."""
        return 1 + max(layer.level for layer in self._layers)

    def plan(self, cells: Cells, tree: GridTree, changed: np.ndarray) -> Compute:
        """See ``memory.Computation``."""
        works = self._plan(cells, tree, changed)
        return lambda: (works[-1].rows, self._run(cells, works, tree.capacities))

    def _run(self, cells: Cells, works: list[_Work], capacities: list[int]) -> torch.Tensor:
        """Mean embeddings [n, 64] of the passes."""
        with torch.inference_mode():
            inputs = torch.from_numpy(cells.inputs(works[0].rows)).to(self._device)
            total = torch.zeros((), device=self._device)
            for one in self._passes:
                total = total + one.run(inputs, works, capacities)
            return total / len(self._passes)

    def _plan(self, cells: Cells, tree: GridTree, changed: np.ndarray) -> list[_Work]:
        """What each layer has to compute, from the first to the last."""
        alive = [cells.kept, *(grid.alive for grid in tree.grids)]
        first = all(len(values) == 1 for one in self._passes for values in one.values)
        voxels = [np.flatnonzero(one) for one in alive] if first else []
        dirty = [changed]
        works: list[_Work] = []
        for layer in self._layers:
            touched = voxels[layer.level] if first else _reached(layer, dirty, tree)
            dirty.append(touched)
            living = alive[layer.level][touched]
            rows = touched if first else touched[living]
            same = self._same(layer, rows, works)
            meetings = same.meetings if same else self._meetings(cells, tree, layer, rows)
            works.append(_Work(rows, touched[~living], meetings))
        return works

    def _same(self, layer: Layer, rows: np.ndarray, before: list[_Work]) -> _Work | None:
        """The work of an earlier layer that reads the same rows."""
        for other, work in zip(self._layers, before, strict=False):
            if (other.kind, other.level) != (layer.kind, layer.level):
                continue
            if work.rows is rows or np.array_equal(work.rows, rows):
                return work
        return None

    def _meetings(self, cells: Cells, tree: GridTree, layer: Layer, rows: np.ndarray) -> Meetings | None:
        level = layer.level
        if layer.kind == "points":
            return None
        if layer.kind == "up":
            keys = cells.table.keys if level == 0 else tree.grids[level - 1].table.keys
            table = parent_by_octant(tree.parents[level], keys, rows)
        elif layer.kind == "around":
            table = links_by_offset(tree.neighbours(level), rows)
        else:
            table = links_by_offset(tree.grids[level - 1].children, rows)
        return Meetings(torch.from_numpy(table).to(self._device))


def _reached(layer: Layer, dirty: list[np.ndarray], tree: GridTree) -> np.ndarray:
    """Rows of a layer's output that the changed rows of its inputs bear on."""
    source = dirty[layer.sources[0]]
    more = [dirty[value] for value in layer.reads[1:]]
    if layer.kind == "around":
        return tree.around(layer.level, source, *more)
    if layer.kind == "down":
        return tree.above(layer.level, source)
    if layer.kind == "up":
        return tree.below(layer.level, source, *more)
    return tree.joined(layer.level, source, *more)


class _Pass:
    """The values of every layer but the last, for one program."""

    def __init__(self, program: Program, device: str) -> None:
        self._program = program
        self._device = device
        self._convolutions = [None if layer.kind == "points" else Convolution(layer, device) for layer in program]
        self.values = [torch.zeros((1, layer.channels), device=device) for layer in program[:-1]]

    def run(self, inputs: torch.Tensor, works: list[_Work], capacities: list[int]) -> torch.Tensor:
        """Compute the rows of ``works``; ``inputs`` [n, 8] are those of the first. Returns the last layer's rows."""
        result = inputs
        for index, (layer, work) in enumerate(zip(self._program, works, strict=True)):
            target = None
            if index < len(self.values):
                target = self.values[index] = _grown(self.values[index], capacities[layer.level], work.rows)
            result = self._compute(index, layer, work, inputs, target)
            if target is not None and len(work.gone):
                target.index_fill_(0, self._rows(work.gone), 0.0)
        return result

    def _rows(self, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(rows).to(self._device)

    def _compute(
        self, index: int, layer: Layer, work: _Work, inputs: torch.Tensor, target: torch.Tensor | None
    ) -> torch.Tensor:
        """The rows [n, C] of one layer; where there is a ``target``, in it."""
        if len(work.rows) == 0:
            return inputs.new_zeros((0, layer.channels))
        convolution, rows = self._convolutions[index], self._rows(work.rows)
        if convolution is None:
            read = [inputs if value == 0 else self.values[value - 1].index_select(0, rows) for value in layer.sources]
            x = self._applied(read[0] if len(read) == 1 else torch.cat(read, 1), layer.stages)
            return x if target is None else target.index_copy_(0, rows, x)
        assert work.meetings is not None
        source, later = self.values[layer.sources[0] - 1], layer.stages[1:]
        added = None if layer.added is None else self.values[layer.added - 1]
        if target is not None and not later:
            return convolution(source, work.meetings, rows, added, target)
        x = self._applied(convolution(source, work.meetings, rows, added, None), later)
        return x if target is None else target.index_copy_(0, rows, x)

    def _applied(self, x: torch.Tensor, stages: Sequence[Stage]) -> torch.Tensor:
        for stage in stages:
            assert stage.bias is not None
            x = torch.addmm(stage.bias.to(self._device), x, stage.weight[0].to(self._device))
            x = x.relu_() if stage.relu else x
        return x


def _grown(values: torch.Tensor, size: int, written: np.ndarray) -> torch.Tensor:
    """``values`` with room for ``size`` rows, the new ones 0 but for the rows ``written``, which will be written to."""
    before = len(values)
    if before >= size:
        return values
    larger = _empty(size, values.shape[1], values.device)
    larger[:before] = values
    silent = np.ones(size - before, bool)
    silent[written[written >= before] - before] = False
    return larger.index_fill_(0, torch.from_numpy(np.flatnonzero(silent) + before).to(values.device), 0.0)


def _empty(rows: int, channels: int, device: torch.device) -> torch.Tensor:
    """[rows, channels]; on the CPU from NumPy, which asks the system for large pages."""
    if device.type == "cpu":
        return torch.from_numpy(np.empty((rows, channels), np.float32))
    return torch.empty((rows, channels), device=device)
