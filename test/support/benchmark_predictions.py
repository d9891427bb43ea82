"""Predictions on the small scene of ``benchmark_layouts``, as label stores and as the masks of ``ask``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mllm_for3d_ros.cli.ask import save_mask, slug
from mllm_for3d_ros.lifting.label_store import LabelStore, Provenance
from mllm_for3d_ros.types import Mask3D, PseudoLabel, SceneCloud, Status


def cloud_of(points: np.ndarray) -> SceneCloud:
    """A map with a voxel for each point."""
    n = len(points)
    return SceneCloud(
        points.astype(np.float32), np.zeros((n, 3), np.uint8), np.zeros((n, 3), np.float32), np.ones(n, np.float32),
        np.zeros(n, np.int64), 0.025,
    )  # fmt: skip


def write_store(folder: Path, points: np.ndarray, answers: dict[str, np.ndarray], presence: float = 0.9) -> None:
    """A label store with a probability [N] for each instruction."""
    store = LabelStore.create(folder, cloud_of(points), [], Provenance("scan", 1, "a teacher"))
    for text, probability in answers.items():
        label = PseudoLabel(
            text, probability.astype(np.float32), np.ones(len(points), np.float32), None, np.zeros(0, np.float32), (),
            presence,
        )  # fmt: skip
        store.write(label, [])


def write_masks(folder: Path, points: np.ndarray, answers: dict[str, np.ndarray]) -> None:
    """The .npz files of ``ask`` with a mask [N] for each instruction."""
    for text, mask in answers.items():
        probability = np.where(mask, 0.8, 0.1).astype(np.float32)
        status = Status.OK if mask.any() else Status.NO_TARGET
        save_mask(folder / f"{slug(text)}.npz", cloud_of(points), Mask3D(text, status, probability, mask, 0.7, 0.8, ""))
