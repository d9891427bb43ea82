"""What lifting needs to know of a scene, found once and used for every instruction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mllm_for3d_ros.lifting.visibility import Visibility, see
from mllm_for3d_ros.scene.superpoints import Superpoints, segment
from mllm_for3d_ros.types import Frame

CELL = 5.0
"""Side of the cells of superpoints, in spacings of points."""
_CELL_BITS = 13


@dataclass(frozen=True)
class LiftScene:
    """A cloud, its superpoints, and what each of V views sees of it.

    points: [N, 3] float32 m. normals: [N, 3] float32, unit or zero. pieces: its S superpoints.
    cells: [N] int32 number of the cell of each point: superpoints cut by a grid of ``CELL`` spacings.
    visibility: of each view, in the order of the frames.
    """

    points: np.ndarray
    normals: np.ndarray
    pieces: Superpoints
    cells: np.ndarray
    visibility: tuple[Visibility, ...]

    def __len__(self) -> int:
        """Number of points."""
        return len(self.points)

    @cached_property
    def seen(self) -> np.ndarray:
        """[V, S] float32: points of each superpoint that each view sees."""
        return self._sums([np.ones(len(view), np.float32) for view in self.visibility])

    @cached_property
    def shares(self) -> np.ndarray:
        """[V, S] float32: share of the view's image that the seen points of each superpoint cover."""
        return self._sums([view.pixels / (view.size[0] * view.size[1]) for view in self.visibility])

    def votes(self, sampled: Sequence[np.ndarray | None]) -> np.ndarray:
        """[V, S] float32: sums over the superpoints' points of what ``sampled`` [M] gives each view's points."""
        return self._sums(sampled)

    @cached_property
    def pieces_seen(self) -> tuple[np.ndarray, ...]:
        """Of each view, [M] int32 superpoints of the points that it sees."""
        return tuple(self.pieces.labels[view.indices] for view in self.visibility)

    def of(self, views: Sequence[int]) -> LiftScene:
        """The same scene with some of its views only."""
        part, rows = replace(self, visibility=tuple(self.visibility[i] for i in views)), list(views)
        seen = tuple(self.pieces_seen[i] for i in rows)
        vars(part).update(seen=self.seen[rows], shares=self.shares[rows], pieces_seen=seen)  # not worked out anew
        return part

    def _sums(self, values: Sequence[np.ndarray | None]) -> np.ndarray:
        table = np.zeros((len(self.visibility), len(self.pieces)), np.float32)
        for row, seen, value in zip(table, self.pieces_seen, values, strict=True):
            if value is not None:
                row[:] = np.bincount(seen, value, minlength=len(row))
        return table


def prepare_scene(points: np.ndarray, normals: np.ndarray, colors: np.ndarray, frames: Sequence[Frame]) -> LiftScene:
    """Find superpoints and visibility.

    Args:
        points: [N, 3] float32 m, map frame.
        normals: [N, 3] float32 unit, or zero where unknown.
        colors: [N, 3] uint8.
        frames: all candidate views; those that are asked are picked from them later.

    Raises:
        ValueError: normals or colours do not have a row per point.
    """
    pieces = segment(points, normals, colors)
    visibility = see(points, frames, spacing=pieces.spacing)
    return LiftScene(points, normals, pieces, _cells(points, pieces), visibility)


def _cells(points: np.ndarray, pieces: Superpoints) -> np.ndarray:
    """[N] int32 cell of each point; see ``LiftScene``."""
    if not len(points):
        return np.zeros(0, np.int32)
    keys = np.floor((points - points.min(axis=0)) / (CELL * pieces.spacing)).astype(np.int64)
    packed = pieces.labels.astype(np.int64)
    for axis in range(3):
        packed = (packed << _CELL_BITS) | (keys[:, axis] & ((1 << _CELL_BITS) - 1))
    return np.unique(packed, return_inverse=True)[1].astype(np.int32)
