"""A network of any kind at work on a map: where something changed, all of the map is computed again."""

from __future__ import annotations

import numpy as np
import torch

from mllm_for3d_ros.student.cells import Cells
from mllm_for3d_ros.student.embedding import embed_voxels
from mllm_for3d_ros.student.grids import GridTree
from mllm_for3d_ros.student.key_table import unpack
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.sparse import folded


class WholeNetwork:
    """A network in evaluation mode on ``device``, its BatchNorm folded.

    Args:
        network: its weights are taken now.
        device: "cpu" or "cuda".
        passes: turned copies that are averaged, 1 to 8.
    """

    levels = 1

    def __init__(self, network: StudentNetwork, device: str = "cpu", passes: int = 1) -> None:
        self._network, self._device, self._passes = folded(network), device, passes

    def compute(self, cells: Cells, tree: GridTree, changed: np.ndarray) -> tuple[np.ndarray, torch.Tensor]:
        """See ``memory.Computation``."""
        voxels = np.flatnonzero(cells.kept[: len(cells)])
        if not len(changed) or not len(voxels):
            return np.zeros(0, np.int64), torch.zeros((0, self._network.projector.classes + 1), device=self._device)
        coords, inputs = unpack(cells.table.keys[voxels]), cells.inputs(voxels)
        embeddings = embed_voxels(self._network, coords, inputs, self._device, self._passes)
        with torch.inference_mode():
            return voxels, self._network.scores(embeddings)
