"""What the network computed of a map, kept so that a change costs what it touches and no more.

Every layer's values stay. A change of some voxels is carried from layer to layer: around a convolution it grows
by one voxel of that level, up and down it becomes children and parents. Rows it does not reach are as they
were, to the bit; rows it reaches are computed as in a full pass, so the two agree to float rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from mllm_for3d_ros.student.cells import CellChange, Cells
from mllm_for3d_ros.student.convolution import Convolution, Meetings, octant_table
from mllm_for3d_ros.student.grids import GridTree
from mllm_for3d_ros.student.pieces import TILE_LEVEL, Pieces
from mllm_for3d_ros.student.program import Layer, Program, Stage
from mllm_for3d_ros.types import SceneCloud


@dataclass(frozen=True)
class _Work:
    """Rows [n] int64 of a layer's output to compute, those [g] that became nothing, and what the outputs read."""

    rows: np.ndarray
    gone: np.ndarray
    meetings: Meetings | None


@dataclass(frozen=True)
class Encoded:
    """An update's results. rows: [n] int64 voxels (rows of ``Cells``); embeddings: [n, 64]; change: of the cells.

    segmented: [s] int64 voxels whose piece may be another; none where pieces are not wanted.
    """

    rows: np.ndarray
    embeddings: torch.Tensor
    change: CellChange
    segmented: np.ndarray


class SceneMemory:
    """A map in the state in which the network last saw it. Not for two threads at a time.

    Args:
        programs: one for each turned copy that is averaged; they differ in weights only.
        device: where the values are kept and computed.
        smooth: whether to keep ``pieces`` too.
    """

    def __init__(self, programs: Sequence[Program], device: str = "cpu", smooth: bool = False) -> None:
        self.cells = Cells()
        self.pieces = Pieces() if smooth else None
        self._layers = programs[0]
        self._device = device
        deepest = max(layer.level for layer in self._layers)
        self._tree = GridTree(1 + (max(deepest, TILE_LEVEL) if smooth else deepest))
        self._passes = [_Pass(program, device) for program in programs]

    def update(self, cloud: SceneCloud, rows: np.ndarray) -> Encoded:
        """Take over ``cloud``, of which ``rows`` (see ``Cells.update``) changed, and compute what that reaches.

        Raises:
            CloudError: the map reaches too far from the origin.
        """
        change = self.cells.update(cloud, rows)
        self._tree.update(self.cells.table, self.cells.kept, change.voxels)
        works = self._plan(change.voxels)
        with ThreadPoolExecutor(1, "pieces") as pool:  # what it runs lets go of the interpreter lock
            segmented = pool.submit(self._segment, change.voxels)
            embeddings = self._run(works)
            return Encoded(works[-1].rows, embeddings, change, segmented.result())

    def _segment(self, changed: np.ndarray) -> np.ndarray:
        if self.pieces is None:
            return np.zeros(0, np.int64)
        return self.pieces.update(self.cells, self._tree, changed)

    def _run(self, works: list[_Work]) -> torch.Tensor:
        """Mean embeddings [n, 64] of the passes."""
        with torch.inference_mode():
            inputs = torch.from_numpy(self.cells.inputs(works[0].rows)).to(self._device)
            total = torch.zeros((), device=self._device)
            for one in self._passes:
                total = total + one.run(inputs, works, self._capacities())
            return total / len(self._passes)

    def _capacities(self) -> list[int]:
        return [len(self.cells.table.keys), *(len(grid.table.keys) for grid in self._tree.grids)]

    def _plan(self, changed: np.ndarray) -> list[_Work]:
        """What each layer has to compute, from the first to the last."""
        dirty = [changed]
        works: list[_Work] = []
        for layer in self._layers:
            touched = self._reached(layer, dirty)
            dirty.append(touched)
            alive = self.cells.kept if layer.level == 0 else self._tree.grids[layer.level - 1].alive
            living = alive[touched]
            works.append(self._work(layer, touched[living], touched[~living], works))
        return works

    def _reached(self, layer: Layer, dirty: list[np.ndarray]) -> np.ndarray:
        """Rows of a layer's output that the changed rows of its inputs bear on."""
        source = dirty[layer.sources[0]]
        more = [dirty[value] for value in layer.reads[1:]]
        if layer.kind == "around":
            return self._tree.around(layer.level, source, *more)
        if layer.kind == "down":
            return self._tree.above(layer.level, source)
        if layer.kind == "up":
            return self._tree.below(layer.level, source, *more)
        return self._tree.joined(layer.level, source, *more)

    def _work(self, layer: Layer, rows: np.ndarray, gone: np.ndarray, before: list[_Work]) -> _Work:
        for other, work in zip(self._layers, before, strict=False):
            if (other.kind, other.level) == (layer.kind, layer.level) and np.array_equal(work.rows, rows):
                return _Work(work.rows, gone, work.meetings)
        return _Work(rows, gone, self._meetings(layer, rows))

    def _meetings(self, layer: Layer, rows: np.ndarray) -> Meetings | None:
        level = layer.level
        if layer.kind == "points":
            return None
        if layer.kind == "up":
            keys = self.cells.table.keys if level == 0 else self._tree.grids[level - 1].table.keys
            table = octant_table(self._tree.parents[level][rows], keys[rows])
        elif layer.kind == "around":
            table = self._tree.neighbours[level].table[rows]
        else:
            table = self._tree.grids[level - 1].children[rows]
        return Meetings(torch.from_numpy(table).to(self._device))


class _Pass:
    """The values of every layer but the last, for one program."""

    def __init__(self, program: Program, device: str) -> None:
        self._program = program
        self._device = device
        self._convolutions = [None if layer.kind == "points" else Convolution(layer, device) for layer in program]
        self._values = [torch.zeros((1, layer.channels), device=device) for layer in program[:-1]]

    def run(self, inputs: torch.Tensor, works: list[_Work], capacities: list[int]) -> torch.Tensor:
        """Compute the rows of ``works``; ``inputs`` [n, 8] are those of the first. Returns the last layer's rows."""
        result = inputs
        for index, (layer, work) in enumerate(zip(self._program, works, strict=True)):
            result = self._compute(index, layer, work, inputs)
            if index < len(self._values):
                values = self._values[index] = _grown(self._values[index], capacities[layer.level])
                values.index_copy_(0, self._rows(work.rows), result)
                values.index_fill_(0, self._rows(work.gone), 0.0)
        return result

    def _rows(self, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(rows).to(self._device)

    def _compute(self, index: int, layer: Layer, work: _Work, inputs: torch.Tensor) -> torch.Tensor:
        if len(work.rows) == 0:
            return inputs.new_zeros((0, layer.channels))
        convolution, rows = self._convolutions[index], self._rows(work.rows)
        if convolution is None:
            read = [inputs if value == 0 else self._values[value - 1].index_select(0, rows) for value in layer.sources]
            return self._applied(read[0] if len(read) == 1 else torch.cat(read, 1), layer.stages)
        assert work.meetings is not None
        added = None if layer.added is None else self._values[layer.added - 1].index_select(0, rows)
        x = convolution(self._values[layer.sources[0] - 1], work.meetings, added)
        return self._applied(x, layer.stages[1:])

    def _applied(self, x: torch.Tensor, stages: Sequence[Stage]) -> torch.Tensor:
        for stage in stages:
            assert stage.bias is not None
            x = torch.addmm(stage.bias.to(self._device), x, stage.weight[0].to(self._device))
            x = x.relu_() if stage.relu else x
        return x


def _grown(values: torch.Tensor, size: int) -> torch.Tensor:
    if len(values) >= size:
        return values
    larger = values.new_zeros((size, values.shape[1]))
    larger[: len(values)] = values
    return larger
