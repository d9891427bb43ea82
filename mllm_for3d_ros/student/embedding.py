"""Voxels through the 3D network as training has it, averaged over turned copies of the scene.

``encoding`` gives the same embeddings for maps that go on changing; this is for scenes that are given as voxels.
"""

from __future__ import annotations

import numpy as np
import torch

from mllm_for3d_ros.student.network import LEVELS, StudentNetwork
from mllm_for3d_ros.student.program import POSES
from mllm_for3d_ros.student.sparse import build_levels
from mllm_for3d_ros.student.symmetry import turn

PASSES = 1
"""Turned copies that are averaged unless said otherwise; docs/encoding.md has what more of them give."""


def embed_voxels(
    network: StudentNetwork, coords: np.ndarray, inputs: np.ndarray, device: str = "cpu", passes: int = PASSES
) -> torch.Tensor:
    """Mask embeddings [N, 64] on ``device``; logits are linear in them, so they are averaged too.

    Args:
        network: in evaluation mode, on ``device``.
        coords: [N, 3] int32 voxel indices, N >= 1.
        inputs: [N, 8] float32, see ``StudentVoxels``.
        device: "cpu" or "cuda".
        passes: copies to average, 1 to 8.

    Raises:
        ValueError: there are no so many copies, or the voxels are no grid (see ``build_levels``).
    """
    if not 1 <= passes <= len(POSES):
        raise ValueError(f"passes must be 1 to {len(POSES)}, got {passes}")
    total = torch.zeros((), device=device)
    with torch.inference_mode():
        for pose in POSES[:passes]:
            doubled, turned = turn(2 * coords + 1, inputs, *pose)  # about the corner of voxel 0: see ``program``
            levels = build_levels(torch.from_numpy((doubled - 1) // 2).to(device), LEVELS)
            total = network.unet(torch.from_numpy(turned).to(device), levels)[0] + total
        return total / passes
