"""Voxels through the 3D network, averaged over turned copies of the scene."""

from __future__ import annotations

import numpy as np
import torch

from mllm_for3d_ros.student.network import LEVELS, StudentNetwork
from mllm_for3d_ros.student.sparse import build_levels
from mllm_for3d_ros.student.symmetry import turn

PASSES = 4
"""Copies that are averaged; logits are linear in the embeddings, so they are averaged too."""
_POSES = ((0, False), (2, True), (1, False), (3, True), (2, False), (0, True), (3, False), (1, True))


def embed_voxels(
    network: StudentNetwork, coords: np.ndarray, inputs: np.ndarray, device: str = "cpu", passes: int = PASSES
) -> torch.Tensor:
    """Mask embeddings [N, 64] on ``device``.

    Args:
        network: in evaluation mode, on ``device``.
        coords: [N, 3] int32 voxel indices, N >= 1.
        inputs: [N, 8] float32, see ``StudentVoxels``.
        device: "cpu" or "cuda".
        passes: copies to average, 1 to 8.
    """
    total = torch.zeros(())
    with torch.inference_mode():
        for pose in _POSES[:passes]:
            turned, turned_inputs = turn(coords, inputs, *pose)
            levels = build_levels(torch.from_numpy(turned).to(device), LEVELS)
            total = network.unet(torch.from_numpy(turned_inputs).to(device), levels)[0] + total.to(device)
        return total / min(passes, len(_POSES))
