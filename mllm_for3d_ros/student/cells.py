"""The map's rows grouped into 5 cm cells, kept up to date at a cost that follows the change.

Each cell has a list of the map rows in it. A change of some rows touches their cells only: their means are
taken anew from the lists, so nothing drifts. Inputs are rounded (``COLOR_STEP`` and the like), so a voxel that
is seen again and again stops changing, and the floor is a multiple of ``FLOOR_STEP``, found from a histogram.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from mllm_for3d_ros.scene.map_cloud import CloudError
from mllm_for3d_ros.student import cell_kernels as kernels
from mllm_for3d_ros.student.key_table import LIMIT, KeyTable, grown, named_once
from mllm_for3d_ros.types import SceneCloud

STUDENT_VOXEL = 0.05
MIN_WEIGHT = 0.25
"""Cells with less total weight (about three pixels seen from 3 m) are sensor noise and left out."""
NEAREST = 0.15
"""Map rows in a left-out cell take the answer of the nearest kept cell, centres within this distance, m."""
INPUT_CHANNELS = 8
COLOR_STEP, NORMAL_STEP, HEIGHT_STEP = 1 / 32, 1 / 16, 0.01
"""What colours (-1..1), normals and heights (m) are rounded to."""
_STEP_SIZES = tuple(np.float32(step) for step in (COLOR_STEP, NORMAL_STEP, HEIGHT_STEP))
FLOOR_STEP = 0.1
"""The floor is a multiple of this, m: should it rise or sink, every height changes."""
_FLOOR_SHARE = 0.02
_MANY = 16
"""One name in so many cells is many."""
_T = TypeVar("_T")


def _steps() -> np.ndarray:
    """Differences of keys to the cells within ``NEAREST``, the nearest first."""
    reach = math.floor(NEAREST / STUDENT_VOXEL + 1e-9)
    offsets = [
        o for o in itertools.product(range(-reach, reach + 1), repeat=3) if 0 < sum(c * c for c in o) <= reach**2
    ]
    ordered = sorted(offsets, key=lambda o: (sum(c * c for c in o), o))
    return np.array([(x << 42) + (y << 21) + z for x, y, z in ordered], np.int64)


_STEPS = _steps()


@dataclass(frozen=True)
class Placed:
    """rows: [K] int64 map rows that may have changed; cells: [K] int32 cells that they lie in now."""

    rows: np.ndarray
    cells: np.ndarray


@dataclass(frozen=True)
class CellChange:
    """What an update did.

    touched: [K] int64 cells that won or lost a map row or hold one that changed; voxels: [V] int64 cells that are a
    voxel now or were one, and whose input changed, appeared or vanished; flipped: [F] int64 those that are no longer
    what they were. moved: [R] int32 map rows in another cell.
    """

    touched: np.ndarray
    voxels: np.ndarray
    flipped: np.ndarray
    moved: np.ndarray


@dataclass(frozen=True)
class _Taken:
    """Of some cells, voxels and flipped as in ``CellChange``; before, after: heights (steps) of those that are kept."""

    voxels: np.ndarray
    flipped: np.ndarray
    before: np.ndarray
    after: np.ndarray


class Cells:
    """Cells by row number from 1 (see ``KeyTable``); the kept ones are the student's voxels.

    kept: [capacity] bool. means: [capacity, 9] float32, see ``gather_means``. answer: [capacity] int32 kept
    cell that answers for a cell, 0 if none is near. cell_of: [rows] int32 cell of each map row. floor: m.
    """

    def __init__(self, min_weight: float = MIN_WEIGHT) -> None:
        self.table = KeyTable()
        self.kept = np.zeros(1, bool)
        self.means = np.zeros((1, kernels.MEANS), np.float32)
        self.answer = np.zeros(1, np.int32)
        self.cell_of = np.zeros(0, np.int32)
        self.floor = 0.0
        self._min_weight = min_weight
        self._inputs = np.zeros((1, INPUT_CHANNELS), np.float32)
        self._heights = np.zeros(1, np.int32)
        self._head = np.full(1, -1, np.int32)
        self._following = np.zeros(0, np.int32)
        self._marks = np.zeros(1, np.int32)
        self._stamp = 0
        self._rows = 0
        self._histogram: dict[int, int] = {}

    def __len__(self) -> int:
        return self.table.count

    @property
    def waste(self) -> float:
        """Share of the cells that no map row is in any more."""
        return float(np.mean(self._head[1 : len(self)] < 0)) if len(self) > 1 else 0.0

    def inputs(self, cells: np.ndarray) -> np.ndarray:
        """[K, 8] float32 inputs of the network: colour -1..1, normal, height above the floor in m, one."""
        inputs: np.ndarray = kernels.inputs_of(cells, self._inputs, self._heights, HEIGHT_STEP, self.floor)
        return inputs

    def update(self, cloud: SceneCloud, rows: np.ndarray) -> CellChange:
        """Take over ``cloud``, of which only ``rows`` [K] int64 (rising) and rows past the last one's end changed.

        Raises:
            CloudError: a point lies more than 52 km from the origin.
        """
        change = self.renew(cloud, self.place(cloud, rows))
        self.find_answers(change)
        return change

    def place(self, cloud: SceneCloud, rows: np.ndarray, beside: Executor | None = None) -> Placed:
        """The first part of ``update``: which cells there are now, and which the changed map rows lie in.

        What can be done in halves is, with one of them ``beside``.
        """
        known, count = self._rows, len(cloud)
        rows = np.concatenate([rows[rows < min(known, count)], np.arange(known, count)])
        keys = np.empty(len(rows), np.int64)

        def find_keys(some: slice) -> bool:
            return bool(kernels.keys_of(cloud.points, rows[some], STUDENT_VOXEL, keys[some]))

        if not all(_in_halves(beside, find_keys, len(rows))):
            raise CloudError(f"the map reaches farther than {LIMIT * STUDENT_VOXEL / 1000:.0f} km: shift its origin")
        cells = self.table.find_or_add(keys, tile_by_tile=True)  # what is near in space gets near rows
        self._make_room(len(self.table.keys))
        return Placed(rows, cells)

    def _make_room(self, size: int) -> None:
        self.kept, self.means, self.answer = (grown(a, size) for a in (self.kept, self.means, self.answer))
        self._inputs, self._heights = grown(self._inputs, size), grown(self._heights, size)
        self._head, self._marks = grown(self._head, size, -1), grown(self._marks, size)

    def renew(self, cloud: SceneCloud, placed: Placed, beside: Executor | None = None) -> CellChange:
        """The second part of ``update``: lists, means, inputs and floor. The cells and their table stay."""
        touched, moved = self._move(placed, len(cloud))
        taken = _in_halves(beside, lambda some: self._take_over(touched[some], cloud), len(touched))
        voxels, flipped, before, after = (np.concatenate(parts) for parts in zip(*map(_columns, taken), strict=True))
        self._count_heights(before, -1)
        self._count_heights(after, 1)
        floor = self._find_floor()
        if floor != self.floor:
            self.floor = floor
            voxels = np.union1d(voxels, np.flatnonzero(self.kept[: len(self)]))
        return CellChange(touched, voxels, flipped, moved)

    def _move(self, placed: Placed, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Put rows of a map of ``count`` rows into the lists of their cells.

        Returns cells [K] int64 that won or lost or hold a changed row, and map rows [R] int32 in another cell.
        """
        known = self._rows
        self.cell_of, self._following = grown(self.cell_of, count), grown(self._following, count)
        moves = np.empty((3, len(placed.rows)), np.int32)
        moved, left, joined = moves[:, : kernels.find_moves(placed.rows, placed.cells, self.cell_of, moves)]
        gone = np.arange(count, known)
        touched = self._distinct(placed.cells, left, self.cell_of[gone])
        kernels.leave(np.concatenate([moved[left > 0], gone]), self.cell_of, self._head, self._following)
        kernels.join(moved, joined, self.cell_of, self._head, self._following)
        self._rows = count
        return touched, moved

    def _take_over(self, cells: np.ndarray, cloud: SceneCloud) -> _Taken:
        """Means and inputs of ``cells`` [K] int64, and whether they are kept."""
        means, totals = np.empty((len(cells), kernels.MEANS), np.float32), np.empty(len(cells))
        kernels.gather_means(cells, (self._head, self._following), kernels.values_of(cloud), means, totals)
        was, now = self.kept[cells], (totals >= self._min_weight) & (totals > 0)
        before = self._heights[cells[was]]
        differs = kernels.take_over(cells, means, _STEP_SIZES, self.means, self._inputs, self._heights)
        self.kept[cells] = now
        return _Taken(cells[(was != now) | (now & differs)], cells[was != now], before, self._heights[cells[now]])

    def find_answers(self, change: CellChange) -> np.ndarray:
        """The last part of ``update``: who answers. Returns cells [A] int64 whose answering cell may be another."""
        flipped = change.flipped
        around = np.flatnonzero(~self.kept[1 : len(self)] & (self._head[1 : len(self)] >= 0)) + 1
        if 8 * len(flipped) < len(around):
            found = np.empty(len(around), np.int64)
            self._stamp += 1
            number = kernels.left_out_near(
                flipped,
                self.table.keys,
                self.table.index,
                self.kept,
                self._head,
                _STEPS,
                self._marks,
                self._stamp,
                found,
            )
            around = found[:number]
        elif not len(flipped):
            around = around[:0]
        answered = self._distinct(change.touched.astype(np.int32), around.astype(np.int32))
        kernels.answer_for(answered, self.table.keys, self.table.index, self.kept, _STEPS, self.answer)
        return answered

    def _distinct(self, *groups: np.ndarray) -> np.ndarray:
        """[K] int64 cells that are in any of ``groups`` (int32), rising, without 0."""
        self._stamp += 1
        names = sum(map(len, groups))
        if _MANY * names > len(self):  # then looking at all marks is quicker than sorting
            for group in groups:
                kernels.mark(group, self._marks, self._stamp)
            return np.flatnonzero(self._marks[1 : len(self)] == self._stamp) + 1
        out, count = np.empty(min(len(self), names), np.int64), 0
        for group in groups:
            count = named_once(np.arange(len(group)), group[:, None], self._marks, self._stamp, out, count)
        return np.sort(out[:count])

    def _count_heights(self, heights: np.ndarray, sign: int) -> None:
        values, counts = np.unique(heights, return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            left = self._histogram.get(value, 0) + sign * count
            if left:
                self._histogram[value] = left
            else:
                del self._histogram[value]

    def _find_floor(self) -> float:
        """The height that ``_FLOOR_SHARE`` of the voxels lie at or below, rounded; 0 where there is none."""
        needed, seen = _FLOOR_SHARE * sum(self._histogram.values()), 0
        for height in sorted(self._histogram):
            seen += self._histogram[height]
            if seen >= needed:
                return round(height * HEIGHT_STEP / FLOOR_STEP) * FLOOR_STEP
        return 0.0


def _columns(taken: _Taken) -> tuple[np.ndarray, ...]:
    return taken.voxels, taken.flipped, taken.before, taken.after


def _in_halves(beside: Executor | None, work: Callable[[slice], _T], count: int) -> list[_T]:
    """``work`` of 0 to ``count``, in halves at a time where there is somebody ``beside``."""
    if beside is None:
        return [work(slice(0, count))]
    half = count // 2
    later = beside.submit(work, slice(half, count))
    return [work(slice(0, half)), later.result()]
