"""Small training scenes of some claims."""

import numpy as np

from mllm_for3d_ros.student.scene_store import LABEL_SCALE, UNSEEN, TrainingScene

VOXELS = 40


def scene(*claims: np.ndarray) -> TrainingScene:
    """A scene whose instructions claim voxels with these probabilities; NaN where nothing is known."""
    labels = np.stack([np.where(np.isnan(c), UNSEEN, np.nan_to_num(c) * LABEL_SCALE) for c in claims])
    count = len(claims)
    return TrainingScene(
        coords=np.arange(3 * VOXELS, dtype=np.int32).reshape(-1, 3),
        inputs=np.zeros((VOXELS, 8), np.float16),
        labels=labels.astype(np.uint8),
        phrases=np.arange(count),
        queries=np.zeros((count, 4), np.float16),
        presence=np.full(count, 0.9, np.float32),
        features=np.zeros((VOXELS, 0), np.float16),
        seen=np.zeros(VOXELS, bool),
    )


def claim(first: int, last: int, probability: float) -> np.ndarray:
    """``probability`` at voxels ``first`` to ``last``, 0 elsewhere."""
    values = np.zeros(VOXELS)
    values[first:last] = probability
    return values
