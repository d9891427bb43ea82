"""A student without a network: it knows colours by name, and answers with the voxels of that colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.types import SceneCloud

PALETTE = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}


@dataclass(frozen=True)
class StandInScene:
    cloud: SceneCloud


@dataclass(frozen=True)
class StandInResponse:
    probability: np.ndarray
    presence: float


class ColorStudent:
    """Finds "red", "green" or "blue" in the instruction; presence is 0.9 where such voxels are, else 0.1."""

    fingerprint = "stand-in:0000"
    device = "cpu"
    presence_threshold = 0.5

    def __init__(self) -> None:
        self.encoded = 0
        self.previous: StandInScene | None = None

    def encode(self, cloud: SceneCloud, previous: StandInScene | None = None) -> StandInScene:
        self.encoded += 1
        self.previous = previous
        return StandInScene(cloud)

    def respond(self, scene: StandInScene, instruction: str) -> StandInResponse:
        near = np.zeros(len(scene.cloud), bool)
        for name in PALETTE.keys() & set(instruction.split()):
            near |= np.abs(scene.cloud.colors.astype(int) - np.array(PALETTE[name])).max(1) < 60
        return StandInResponse(np.where(near, 0.8, 0.1).astype(np.float32), 0.9 if near.any() else 0.1)

    def mask_level(self, probability: np.ndarray) -> float:
        return 0.5


def box_cloud(
    *boxes: tuple[tuple[float, float, float], str], size: float = 0.4, voxel: float = 0.05, floor: float = 2.0
) -> SceneCloud:
    """A grey floor of ``floor`` m and solid cubes of ``size`` m, each (lowest corner, colour name)."""
    parts, colors = [], []
    side = (np.arange(0, floor, voxel) + voxel / 2) - floor / 2
    parts.append(np.stack([*(a.ravel() for a in np.meshgrid(side, side)), np.full(len(side) ** 2, -voxel / 2)], 1))
    colors.append(np.full((len(parts[0]), 3), 128))
    steps = np.arange(0, size, voxel) + voxel / 2
    cube = np.stack([a.ravel() for a in np.meshgrid(steps, steps, steps)], 1)
    for corner, name in boxes:
        parts.append(cube + np.array(corner))
        colors.append(np.tile(PALETTE[name], (len(cube), 1)))
    points = np.concatenate(parts).astype(np.float32)
    normals = np.zeros_like(points)
    normals[:, 2] = 1
    weights = np.ones(len(points), np.float32)
    stamps = np.zeros(len(points), np.int64)
    return SceneCloud(points, np.concatenate(colors).astype(np.uint8), normals, weights, stamps, voxel, version=3)
