"""Boxes of voxels as things of a map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mllm_for3d_ros.answering.things import Thing, things_of
from mllm_for3d_ros.scene.instances import split_instances
from mllm_for3d_ros.types import SceneCloud

VOXEL = 0.05
Box = tuple[tuple[float, float, float], tuple[float, float, float], tuple[int, int, int]]
"""Lowest corner and size in m, colour."""


def solid(low: Sequence[float], size: Sequence[float]) -> np.ndarray:
    """[N, 3] centres of the voxels of a box."""
    axes = [np.arange(a, a + max(s, VOXEL) - 1e-6, VOXEL) + VOXEL / 2 for a, s in zip(low, size, strict=True)]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], 1)


def boxes_cloud(boxes: dict[str, list[Box]], floor: float = 6.0) -> tuple[SceneCloud, np.ndarray]:
    """A grey floor of ``floor`` m and boxes by kind.

    Returns:
        The cloud, and the kind [N] of each voxel ("" of the floor).
    """
    parts, colors = [solid((-floor / 2, -floor / 2, -VOXEL), (floor, floor, VOXEL))], []
    colors.append(np.full((len(parts[0]), 3), 200))
    kinds = [""] * len(parts[0])
    for kind, several in boxes.items():
        for low, size, color in several:
            voxels = solid(low, size)
            parts.append(voxels)
            colors.append(np.tile(color, (len(voxels), 1)))
            kinds += [kind] * len(voxels)
    points = np.concatenate(parts).astype(np.float32)
    normals, n = np.zeros_like(points), len(points)
    cloud = SceneCloud(
        points, np.concatenate(colors).astype(np.uint8), normals, np.ones(n, np.float32), np.zeros(n, np.int64), VOXEL
    )
    return cloud, np.array(kinds)


def things(*boxes: Box) -> tuple[Thing, ...]:
    """Each box as a thing of one map, in the order given."""
    cloud, kinds = boxes_cloud({str(place): [box] for place, box in enumerate(boxes)})
    found = []
    for place in range(len(boxes)):
        mask = kinds == str(place)
        instances = split_instances(cloud.points, mask, mask.astype(np.float32), min_points=1, voxel_size=VOXEL)
        found += things_of(cloud, instances, 0.0)
    return tuple(found)


class NamedKinds:
    """A student that knows kinds by name, in the singular or plural, and finds all voxels of a kind."""

    fingerprint = "named:0000"
    presence_threshold = 0.5

    def __init__(self, kinds: np.ndarray) -> None:
        self._kinds = kinds
        self.asked: list[str] = []

    def encode(self, cloud: SceneCloud, previous: object = None) -> object:
        return type("Scene", (), {"cloud": cloud})()

    def respond(self, scene: object, instruction: str) -> object:
        self.asked.append(instruction)
        found = np.zeros(len(self._kinds), bool)
        for kind in set(self._kinds) - {""}:
            if instruction in (kind, f"{kind}s"):
                found |= self._kinds == kind
        probability = np.where(found, 0.9, 0.05).astype(np.float32)
        return type("Answer", (), {"probability": probability, "presence": 0.8 if found.any() else 0.1})()

    def mask_level(self, probability: np.ndarray) -> float:
        return 0.5
