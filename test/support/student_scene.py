"""A toy scene of two blobs for tests of the student."""

import numpy as np

from mllm_for3d_ros.student.scene_store import UNSEEN, TrainingScene
from mllm_for3d_ros.types import SceneCloud


def toy_scene(seed: int = 0, queries: int = 3) -> TrainingScene:
    """A red and a green block; query 0 asks for red, 1 for green, the rest for nothing that is there."""
    rng = np.random.default_rng(seed)
    block = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), -1).reshape(-1, 3)
    coords = np.concatenate([block, block + np.array([12, rng.integers(0, 5), 0])]).astype(np.int32)
    red = np.arange(len(coords)) < len(block)
    inputs = np.zeros((len(coords), 8), np.float16)
    inputs[:, 0], inputs[:, 1], inputs[:, 7] = np.where(red, 1, -1), np.where(red, -1, 1), 1
    labels = np.zeros((queries, len(coords)), np.uint8)
    labels[0, red], labels[1, ~red] = 254, 254
    labels[:, :5] = UNSEEN
    presence = np.array([1.0, 1.0, *[0.0] * (queries - 2)], np.float32)
    tokens = np.zeros((queries, 64), np.float16)
    features = np.where(red[:, None], 1.0, -1.0) * np.ones((1, 64))
    return TrainingScene(
        coords,
        inputs,
        labels,
        np.arange(queries),
        tokens,
        presence,
        features.astype(np.float16),
        np.ones(len(coords), bool),
    )


def toy_cloud() -> SceneCloud:
    """The toy scene as a map of 2.5 cm voxels."""
    scene = toy_scene()
    corner = (
        scene.coords.repeat(8, 0) * 2
        + np.stack(np.meshgrid(*[[0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)[
            np.tile(np.arange(8), len(scene.coords))
        ]
    )
    points = ((corner + 0.5) * 0.025).astype(np.float32)
    n = len(points)
    colors = ((scene.inputs[:, :3].astype(np.float32).repeat(8, 0) + 1) * 127.5).astype(np.uint8)
    normals = np.zeros((n, 3), np.float32)
    return SceneCloud(points, colors, normals, np.ones(n, np.float32), np.zeros(n, np.int64), 0.025)
