"""A map through the network, and the next version of a map from the one before."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from mllm_for3d_ros.student import cell_kernels
from mllm_for3d_ros.student.incremental import IncrementalNetwork, ReadyProgram
from mllm_for3d_ros.student.key_table import distinct
from mllm_for3d_ros.student.memory import Computation, Encoded, SceneMemory
from mllm_for3d_ros.student.network import SparseUNet, StudentNetwork
from mllm_for3d_ros.student.pages import PAGE, Pages, runs
from mllm_for3d_ros.student.pieces import Smoothing
from mllm_for3d_ros.student.program import POSES, Stage, compile_unet
from mllm_for3d_ros.student.sparse import backend_for
from mllm_for3d_ros.student.whole import WholeNetwork
from mllm_for3d_ros.types import SceneCloud

_WASTE = 0.5
"""Share of cells left empty by a map that moved, past which it is encoded anew."""


class _Shared:
    """What the versions of one map share: the memory, and the newest version, which is the one in it."""

    def __init__(self, memory: SceneMemory) -> None:
        self.memory = memory
        self.lock = threading.Lock()
        self.version = 0
        self.newest: _Values | None = None


@dataclass(frozen=True)
class _Values:
    """See ``EncodedScene``."""

    cloud: SceneCloud
    scores: Pages = field(default_factory=Pages.empty)
    totals: Pages = field(default_factory=Pages.empty)
    answering: Pages = field(default_factory=Pages.empty)
    cells: Pages = field(default_factory=Pages.empty)
    pieces: Pages = field(default_factory=Pages.empty)


@dataclass(frozen=True)
class EncodedScene(_Values):
    """A version of a map after the 3D network. It stays as it is when later versions are encoded from it.

    cloud: the map. scores: [V, C + 1] of each concept (``StudentNetwork.scores``) and totals: [V]
    (``StudentNetwork.totals``) at cells, of which those that are voxels count.
    answering: [V] int32 the voxel that answers for each cell, itself if it is one, 0 for none.
    cells: [N] int32 cell of each map row. pieces: [V] int32 superpoint of each voxel; empty without smoothing.
    """

    shared: _Shared | None = field(default=None, repr=False)
    version: int = 0

    @cached_property
    def voxels(self) -> np.ndarray:
        """[M] int64 rows of ``scores`` that are voxels."""
        answering = self._answering
        return np.flatnonzero((answering == np.arange(len(answering))) & (answering > 0))

    def told(self, asked: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mask logits [K, V] at cells of what is ``asked`` [K, C + 1] for, and claims [K, V] in competition.

        Concepts that nobody asks for are not read. See ``StudentNetwork.inquiries`` and ``StudentNetwork.claims``.
        """
        meant = torch.nonzero(asked.any(0)).squeeze(1)
        shares, rivals = asked.index_select(1, meant), int((meant < asked.shape[1] - 1).sum())
        columns = torch.cat([part.T.index_select(0, meant) for part in self.scores.parts()], 1)
        won = (columns[:rivals] - torch.cat(self.totals.parts())).exp()
        return shares @ columns, shares[:, :rivals] @ won

    @cached_property
    def inventory(self) -> torch.Tensor:
        """[C] highest posterior of each concept in any voxel; there must be some."""
        voxels = torch.from_numpy(self.voxels)
        tops = []
        for name, start, end in runs(voxels):
            columns = self.scores.pages[name].T[:-1] - self.totals.pages[name]
            tops.append(columns.index_select(1, (voxels[start:end] - name * PAGE).to(columns.device)).amax(1))
        return torch.stack(tops).amax(0).exp()

    @cached_property
    def rows(self) -> np.ndarray:
        """[N] int64 row of ``scores`` that answers for each map row, 0 for none."""
        if not len(self.cells):
            return np.zeros(0, np.int64)
        return self._answering[self.cells.joined().numpy()].astype(np.int64)  # what NumPy looks up by

    @cached_property
    def smoothing(self) -> Smoothing | None:
        """Of values [V] at cells over superpoints; None without."""
        return Smoothing(self.pieces.joined().numpy()[self.voxels], self.voxels) if len(self.pieces) else None

    @cached_property
    def _answering(self) -> np.ndarray:
        return self.answering.joined().numpy() if len(self.answering) else np.zeros(1, np.int32)


class SceneEncoder:
    """Encodes maps with one network.

    Args:
        network: in evaluation mode, on ``device``; its weights are taken now.
        device: "cpu" or "cuda".
        passes: turned copies of the scene that are averaged, 1 to 8.
        smooth: whether scenes get ``pieces``.

    Raises:
        ValueError: there are no so many copies.
    """

    def __init__(self, network: StudentNetwork, device: str = "cpu", passes: int = 1, smooth: bool = False) -> None:
        if not 1 <= passes <= len(POSES):
            raise ValueError(f"passes must be 1 to {len(POSES)}, got {passes}")
        self._network, self._smooth = network, smooth
        self._begin = _computation(network, device, passes)

    def encode(
        self, cloud: SceneCloud, previous: EncodedScene | None = None, changed: np.ndarray | None = None
    ) -> EncodedScene:
        """Encode ``cloud``, at the cost of what changed since ``previous`` if that is given.

        The result is that of encoding ``cloud`` alone, within 1e-4 (``incremental``). A map of another epoch, frame or
        voxel size is encoded anew.

        Args:
            cloud: the map.
            previous: a scene that this encoder made, best the newest version of the same map.
            changed: [K] integer rows of ``cloud`` that may differ from ``previous``; rows past its end are always
                taken as new. None: both clouds are compared, which is quick, but grows with the map.

        Raises:
            CloudError: the map reaches too far from the origin.
            ValueError: ``changed`` names rows that are not there.
        """
        if changed is not None and len(changed) and not (changed.min() >= 0 and changed.max() < len(cloud)):
            raise ValueError(f"changed rows must lie in 0..{len(cloud) - 1}, got {changed.min()}..{changed.max()}")
        shared = None if previous is None else previous.shared
        if previous is None or shared is None:
            return self._anew(cloud)
        with shared.lock:
            newest = shared.newest
            if newest is None or not _same_map(newest.cloud, cloud) or shared.memory.cells.waste > _WASTE:
                return self._anew(cloud)
            if changed is None or previous.version != shared.version:
                changed = differing(cloud, newest.cloud)
            return self._update(shared, newest, cloud, distinct(changed))

    def _anew(self, cloud: SceneCloud) -> EncodedScene:
        shared = _Shared(SceneMemory(self._begin(), self._smooth))
        return self._update(shared, _Values(cloud), cloud, np.zeros(0, np.int64))

    def _update(self, shared: _Shared, base: _Values, cloud: SceneCloud, rows: np.ndarray) -> EncodedScene:
        """Take ``cloud`` into the memory, and share with ``base`` what stays."""
        shared.newest = None  # nothing goes on from an update that fails half-way
        with ThreadPoolExecutor(1, "scene") as beside:
            encoded = shared.memory.update(cloud, rows, beside)
            values = self._values(base, cloud, encoded, shared.memory, beside)
        shared.newest = values
        shared.version += 1
        return EncodedScene(**vars(values), shared=shared, version=shared.version)

    def _values(
        self, base: _Values, cloud: SceneCloud, encoded: Encoded, memory: SceneMemory, beside: Executor
    ) -> _Values:
        cells, voxels = memory.cells, torch.from_numpy(encoded.rows)

        def lookups() -> dict[str, Pages]:
            answering = _pages(base.answering, encoded.answered, cells.answer, len(cells))
            cells_of_rows = _pages(base.cells, encoded.moved, cells.cell_of, len(cloud))
            if memory.pieces is None:
                return {"answering": answering, "cells": cells_of_rows}
            pieces = _pages(base.pieces, encoded.segmented, memory.pieces.of, len(cells))
            return {"answering": answering, "cells": cells_of_rows, "pieces": pieces}

        found = beside.submit(lookups)
        with torch.inference_mode():
            parts = encoded.scores.split(PAGE)  # what is made on the way stays in the cache
            totals = torch.cat([self._network.totals(part) for part in parts])
            scores = base.scores.replaced(voxels, encoded.scores, len(cells))
            totals = base.totals.replaced(voxels, totals, len(cells))
        return replace(base, cloud=cloud, scores=scores, totals=totals, **found.result())


def _pages(base: Pages, rows: np.ndarray, values: np.ndarray, count: int) -> Pages:
    """``base`` with the ``rows`` [K], rising, of ``values`` [capacity]."""
    return base.replaced(torch.from_numpy(rows.astype(np.int64)), torch.from_numpy(values[rows]), count)


def _computation(network: StudentNetwork, device: str, passes: int) -> Callable[[], Computation]:
    """Makes the computation of a map, once for each; only the compact network goes on from what it knows."""
    if isinstance(network.unet, SparseUNet):
        weight, bias = network.score_map()
        told = Stage(weight.detach().T[None], bias.detach(), False)
        programs = [compile_unet(network.unet, pose, told) for pose in POSES[:passes]]

        @functools.cache
        def ready(backend: str) -> list[ReadyProgram]:
            return [ReadyProgram(program, device) for program in programs]

        return lambda: IncrementalNetwork(ready(backend_for(weight).name), device)
    whole = WholeNetwork(network, device, passes)
    return lambda: whole


def _same_map(a: SceneCloud, b: SceneCloud) -> bool:
    return (a.epoch, a.frame_id, a.voxel_size) == (b.epoch, b.frame_id, b.voxel_size)


def differing(cloud: SceneCloud, old: SceneCloud) -> np.ndarray:
    """Rows [K] int64 of ``cloud`` that are otherwise in ``old``, apart from stamps; those past its end left out."""
    rows = np.empty(min(len(cloud), len(old)), np.int64)
    return rows[: cell_kernels.differing_rows(cell_kernels.values_of(cloud), cell_kernels.values_of(old), rows)]
