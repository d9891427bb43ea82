"""Lifted 2D features beside the labels of a store: features.safetensors, optional.

features [N, D] float16   mean over the views that see a voxel, 0 where none does; D is 0 if the teacher gives none
seen [N] uint8            1 where some view sees it
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from mllm_for3d_ros.errors import LabelStoreError
from mllm_for3d_ros.files import write_whole

FEATURES_FILE = "features.safetensors"


def write_features(folder: Path, features: np.ndarray, seen: np.ndarray) -> None:
    """Write what ``lift_features`` gave to the store in ``folder``.

    Args:
        folder: of a label store of N voxels.
        features: [N, D].
        seen: [N], how many views see each voxel, or whether any does.
    """
    tensors = {"features": np.ascontiguousarray(features, np.float16), "seen": (seen > 0).astype(np.uint8)}
    write_whole(folder / FEATURES_FILE, save(tensors))


def read_features(folder: Path, voxels: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Features [N, D] float16 and seen [N] bool of the store in ``folder``, None if it has none.

    Raises:
        LabelStoreError: the file is damaged, or not of ``voxels`` rows.
    """
    path = folder / FEATURES_FILE
    if not path.is_file():
        return None
    try:
        tensors = load_file(path)
        features, seen = tensors["features"], tensors["seen"] > 0
    except (OSError, SafetensorError, KeyError) as cause:
        raise LabelStoreError(f"{path} cannot be read ({cause}); delete it and label again") from cause
    if features.ndim != 2 or len(features) != voxels or seen.shape != (voxels,):
        raise LabelStoreError(f"{path} has features {features.shape} for {voxels} voxels; delete it and label again")
    return features, seen
