"""What the compact network computed of a map, kept so that a change costs what it touches and no more.

Every layer's values stay. A change of some voxels is carried from layer to layer: around a convolution it grows
by one voxel of that level, up and down it becomes children and parents. Rows it does not reach are as they
were, to the bit; rows it reaches are computed as in a full pass. One that comes out as it was, but for less than
``UNNOTICED``, stays as it was and is carried no further: the influence of a voxel fades long before its reach ends.
What is kept never differs by more from what the layer makes of the values kept before it, so nothing adds up over
the updates of a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from mllm_for3d_ros.student.cells import Cells
from mllm_for3d_ros.student.convolution import Convolution, Meetings, parent_by_octant
from mllm_for3d_ros.student.grids import GridTree
from mllm_for3d_ros.student.key_table import distinct
from mllm_for3d_ros.student.program import Layer, Program, Stage

UNNOTICED = 5e-6
"""Values are of the order of 1. After 30 updates of a room its embeddings were off by 2e-5 at most."""
_AT_ONCE = {"cpu": 4096}
"""Voxels that go through the stages that look at a voxel alone at a time; a GPU takes all."""


@dataclass(frozen=True)
class _Work:
    """Rows [n] int64 of a layer's output to compute, those [g] that became nothing, and what the outputs read."""

    rows: np.ndarray
    gone: np.ndarray
    meetings: Meetings | None


@dataclass(frozen=True)
class _Room:
    """Rows that there has to be room for in a layer's values, and those [b] int64 that must become 0 before use."""

    capacity: int
    blank: torch.Tensor


class ReadyProgram:
    """A program with its weights where they are used and as the convolutions read them; maps share it.

    Args:
        program: what is computed.
        device: where.
    """

    def __init__(self, program: Program, device: str = "cpu") -> None:
        self.layers = program
        self.convolutions = [None if layer.kind == "points" else Convolution(layer, device) for layer in program]


class IncrementalNetwork:
    """The values of a map in every layer.

    Args:
        programs: one for each turned copy that is averaged; they differ in weights only.
        device: where the values are kept and computed; the programs are ready for it.
    """

    def __init__(self, programs: Sequence[ReadyProgram], device: str = "cpu") -> None:
        self._layers = programs[0].layers
        self._device = device
        self._passes = [_Pass(program, device) for program in programs]
        self._known: list[int] = []

    @property
    def levels(self) -> int:
        """Levels of the network, the finest among them."""
        return 1 + max(layer.level for layer in self._layers)

    def compute(self, cells: Cells, tree: GridTree, changed: np.ndarray) -> tuple[np.ndarray, torch.Tensor]:
        """See ``memory.Computation``."""
        alive = [cells.kept, *(grid.alive for grid in tree.grids)]
        first = not self._known
        voxels = [np.flatnonzero(one) for one in alive] if first else []
        blank = self._new_rows(alive, tree.counts)
        dirty, works = [changed], list[_Work]()
        inputs = torch.zeros(())
        with torch.inference_mode():
            for index, layer in enumerate(self._layers):
                rows = voxels[layer.level] if first else _reached(layer, dirty, tree)
                rows, gone = (rows, rows[:0]) if first else _parted(rows, alive[layer.level])
                same = self._same(layer, rows, works)
                work = _Work(rows, gone, same.meetings if same else self._meetings(cells, tree, layer, rows))
                works.append(work)
                if index == 0:
                    inputs = torch.from_numpy(cells.inputs(rows)).to(self._device)
                if index < len(self._layers) - 1:
                    room = _Room(tree.capacities[layer.level], blank[layer.level])
                    dirty.append(_either([one.update(index, inputs, work, room, first) for one in self._passes]))
            results = [one.result(work) for one in self._passes]
            return works[-1].rows, results[0] if len(results) == 1 else torch.stack(results).mean(0)

    def _new_rows(self, alive: list[np.ndarray], counts: list[int]) -> list[torch.Tensor]:
        """Rows of each level that are new and hold nothing yet; at first only those that will not be computed."""
        new = (
            [np.arange(known, count) for known, count in zip(self._known, counts, strict=True)]
            if self._known
            else [np.flatnonzero(~one[:count]) for one, count in zip(alive, counts, strict=True)]
        )
        self._known = counts
        return [torch.from_numpy(rows).to(self._device) for rows in new]

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
            return Meetings(parent_by_octant(tree.parents[level], keys, rows), np.arange(len(rows)), self._device)
        links = tree.neighbours(level) if layer.kind == "around" else tree.grids[level - 1].children
        return Meetings(links, rows, self._device)


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


def _parted(rows: np.ndarray, alive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of ``rows`` [n] that are ``alive`` [capacity], and the others."""
    living = alive[rows]
    return rows[living], rows[~living]


def _either(changed: Sequence[np.ndarray]) -> np.ndarray:
    """Rows [K] int64, rising, that are in any of ``changed``."""
    return changed[0] if len(changed) == 1 else distinct(np.concatenate(changed))


class _Pass:
    """The values of every layer but the last, for one program."""

    def __init__(self, program: ReadyProgram, device: str) -> None:
        self._program, self._convolutions = program.layers, program.convolutions
        self._device = device
        self.values = [torch.zeros((1, layer.channels), device=device) for layer in self._program[:-1]]

    def update(self, index: int, inputs: torch.Tensor, work: _Work, room: _Room, first: bool) -> np.ndarray:
        """Compute the rows of layer ``index``; returns those that it changed, [K] int64 rising.

        Args:
            index: of any layer but the last.
            inputs: [n, 8] of the network, those of the first layer's rows.
            work: of the layer.
            room: for its values.
            first: whether all rows are new; then they need not be compared.
        """
        target = self.values[index] = _grown(self.values[index], room.capacity)
        _blank(target, room.blank)
        if first:
            self._compute(index, inputs, work, target)
            return work.rows
        rows = self._rows(work.rows)
        result, before = self._compute(index, inputs, work, None), target.index_select(0, rows)
        new = ~before.any(1)  # or silent until now
        noticed = torch.nonzero(((result - before).abs_().amax(1) > UNNOTICED) | new).squeeze(1)
        target.index_copy_(0, rows[noticed], result[noticed])
        gone = work.gone
        if len(gone):
            gone = gone[target.index_select(0, self._rows(gone)).any(1).cpu().numpy()]
            _blank(target, self._rows(gone))
        return np.sort(np.concatenate([work.rows[noticed.cpu().numpy()], gone]))

    def result(self, work: _Work) -> torch.Tensor:
        """The rows [n, C] of the last layer."""
        return self._compute(len(self._program) - 1, torch.zeros((0, 0)), work, None)

    def _rows(self, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(rows).to(self._device)

    def _compute(self, index: int, inputs: torch.Tensor, work: _Work, target: torch.Tensor | None) -> torch.Tensor:
        """The rows [n, C] of layer ``index``; where there is a ``target``, in it."""
        layer = self._program[index]
        if len(work.rows) == 0:
            return torch.zeros((0, layer.channels), device=self._device)
        convolution, rows = self._convolutions[index], self._rows(work.rows)
        if convolution is None:
            x = inputs if layer.sources == (0,) else self._side_by_side(layer.sources, inputs, rows)
            return self._applied(x, layer.stages, rows, target)
        assert work.meetings is not None
        source, later = self.values[layer.sources[0] - 1], layer.stages[1:]
        added = None if layer.added is None else self.values[layer.added - 1]
        if not later:
            return convolution(source, work.meetings, rows, added, target)
        return self._applied(convolution(source, work.meetings, rows, added, None), later, rows, target)

    def _side_by_side(self, sources: Sequence[int], inputs: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        read = [inputs if value == 0 else self.values[value - 1].index_select(0, rows) for value in sources]
        return read[0] if len(read) == 1 else torch.cat(read, 1)

    def _applied(
        self, x: torch.Tensor, stages: Sequence[Stage], rows: torch.Tensor, target: torch.Tensor | None
    ) -> torch.Tensor:
        """``x`` [n, Ci] after ``stages``, [n, Co]; with ``target`` [capacity, Co] as its ``rows`` [n] instead."""
        columns = stages[-1].weight.shape[2]
        result = x.new_empty((columns, len(x))).T if target is None else target  # the former as ``Pages`` has it
        some = _AT_ONCE.get(x.device.type, len(x))
        for start in range(0, len(x), some):
            y = x[start : start + some]  # what is made of it on the way stays in the cache
            for stage in stages[: -1 if target is None else None]:
                y = _product(stage, y)
            if target is None:
                _product(stages[-1], y, result[start : start + some])
            else:
                target.index_copy_(0, rows[start : start + some], y)
        return result


def _product(stage: Stage, x: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """``stage`` of ``x`` [n, Ci], [n, Co]; with ``out``, whose columns are dense, in it."""
    assert stage.bias is not None
    weight, bias = stage.weight[0].to(x.device), stage.bias.to(x.device)
    y = torch.addmm(bias, x, weight) if out is None else torch.addmm(bias[:, None], weight.T, x.T, out=out.T)
    return y.relu_() if stage.relu else y


def _grown(values: torch.Tensor, size: int) -> torch.Tensor:
    """``values`` with room for ``size`` rows; the new ones hold anything."""
    if len(values) >= size:
        return values
    larger = _empty(size, values.shape[1], values.device)
    larger[: len(values)] = values
    return larger


def _blank(values: torch.Tensor, rows: torch.Tensor) -> None:
    """Make ``rows`` of ``values`` 0; on the CPU in one thread, for another one may be at work beside."""
    if values.device.type == "cpu":
        values.numpy()[rows.numpy()] = 0.0
    else:
        values.index_fill_(0, rows, 0.0)


def _empty(rows: int, channels: int, device: torch.device) -> torch.Tensor:
    """[rows, channels]; on the CPU from NumPy, which asks the system for large pages."""
    if device.type == "cpu":
        return torch.from_numpy(np.empty((rows, channels), np.float32))
    return torch.empty((rows, channels), device=device)
