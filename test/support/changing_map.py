"""A map of 2.5 cm voxels that tests change, and networks with weights that let every voxel matter."""

import numpy as np
import torch

from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.types import SceneCloud

VOXEL = 0.025


class ChangingMap:
    """Voxels by key, in the order in which they came."""

    def __init__(self, seed: int = 0, epoch: str = "one") -> None:
        self.rng = np.random.default_rng(seed)
        self.epoch = epoch
        self.voxels: dict[tuple[int, int, int], np.ndarray] = {}

    def sheet(self, corner, size: int = 12) -> None:
        """A bumpy sheet of ``size`` x ``size`` voxels from ``corner``; what is there gets new values."""
        for x in range(size):
            for y in range(size):
                self.add((corner[0] + x, corner[1] + y, corner[2] + int(self.rng.integers(2))))

    def add(self, key, weight: float | None = None) -> None:
        """A voxel with values by chance, light enough at times to be noise."""
        values = self.rng.random(8)
        values[6] = self.rng.uniform(0.02, 1.0) if weight is None else weight
        self.voxels[tuple(int(c) for c in key)] = values

    def remove(self, share: float) -> None:
        """Forget about that ``share`` of the voxels; the rows of the others move up."""
        for key in list(self.voxels):
            if self.rng.random() < share:
                del self.voxels[key]

    def cloud(self) -> SceneCloud:
        keys = np.array(list(self.voxels), np.int64).reshape(-1, 3)
        values = np.array(list(self.voxels.values())).reshape(-1, 8)
        normals = values[:, 3:6] - 0.5
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        return SceneCloud(
            ((keys + 0.1 + 0.8 * values[:, :3]) * VOXEL).astype(np.float32),
            (values[:, 3:6] * 255).astype(np.uint8),
            normals.astype(np.float32),
            values[:, 6].astype(np.float32),
            np.zeros(len(keys), np.int64),
            VOXEL,
            epoch=self.epoch,
        )


def lively_network(seed: int = 0) -> StudentNetwork:
    """An untrained network whose BatchNorm is not the identity."""
    torch.manual_seed(seed)
    network = StudentNetwork(3).eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 2.0)
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(std=0.3)
    return network
