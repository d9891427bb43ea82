"""A map in the state in which the network last saw it, and what of it a new version changes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from mllm_for3d_ros.student.cells import Cells
from mllm_for3d_ros.student.grids import GridTree
from mllm_for3d_ros.student.pieces import TILE_LEVEL, Pieces
from mllm_for3d_ros.types import SceneCloud


class Computation(Protocol):
    """A network at work on one map."""

    @property
    def levels(self) -> int:
        """Number of levels, the cells among them, that it needs of the grids."""

    def compute(self, cells: Cells, tree: GridTree, changed: np.ndarray) -> tuple[np.ndarray, torch.Tensor]:
        """Voxels [n] int64, rising, that the ``changed`` [K] int64 cells bear on, and their scores [n, C + 1].

        See ``StudentNetwork.scores``.
        """


@dataclass(frozen=True)
class Encoded:
    """What an update gives.

    rows: [n] int64 voxels (rows of ``Cells``); scores: [n, C + 1] of them. answered: [A] int64 cells, and moved: [R]
    int32 map rows, whose answering cell or own one may be another. segmented: [s] int64 voxels whose piece may be
    another; none where pieces are not wanted.
    """

    rows: np.ndarray
    scores: torch.Tensor
    answered: np.ndarray
    moved: np.ndarray
    segmented: np.ndarray


class SceneMemory:
    """A map's cells, grids and superpoints, and the network at work on it. Not for two threads at a time.

    Args:
        computation: the network.
        smooth: whether to keep ``pieces`` too.
    """

    def __init__(self, computation: Computation, smooth: bool = False) -> None:
        self.cells = Cells()
        self.pieces = Pieces() if smooth else None
        self._computation = computation
        self._tree = GridTree(max(computation.levels, TILE_LEVEL + 1) if smooth else computation.levels)

    def update(self, cloud: SceneCloud, rows: np.ndarray, beside: Executor) -> Encoded:
        """Take over ``cloud``, of which ``rows`` (see ``Cells.update``) changed, and compute what that reaches.

        Args:
            cloud: the map.
            rows: of it.
            beside: one thread more, whose work lets go of the interpreter lock.

        Raises:
            CloudError: the map reaches too far from the origin.
        """
        placed = self.cells.place(cloud, rows, beside)
        connected = beside.submit(self._tree.connect, self.cells.table)
        change = self.cells.renew(cloud, placed, beside)
        connected.result()
        answered = beside.submit(self.cells.find_answers, change)
        self._tree.update(self.cells.table, self.cells.kept, change.voxels)
        segmented = self._start_segmenting(beside, change.voxels)
        voxels, scores = self._computation.compute(self.cells, self._tree, change.voxels)
        return Encoded(voxels, scores, answered.result(), change.moved, segmented())

    def _start_segmenting(self, beside: Executor, changed: np.ndarray) -> Callable[[], np.ndarray]:
        """Segment what the voxels ``changed`` bear on ``beside``, without the grids; the result waits for it."""
        if self.pieces is None:
            return lambda: np.zeros(0, np.int64)
        reached, touching = self.pieces.reached(self.cells, self._tree, changed), self._tree.neighbours(0)
        return beside.submit(self.pieces.segment, self.cells, touching, reached).result
