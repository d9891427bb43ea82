"""Image tags in place of guesses: which classes the images of a scene show, and which they do not.

A tag says that there is a sofa somewhere, and not where. It is the weakest annotation of images (weakly supervised
segmentation from image-level labels: Papandreou et al., ICCV 2015), and no 3D label. What is told to be absent cannot
claim a voxel, so the classes that are told to be there get what it claimed.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mllm_for3d_ros.student.scene_store import UNSEEN, TrainingScene


def told_of(tags: np.ndarray, concepts: np.ndarray) -> np.ndarray:
    """[Q] float32 what ``tags`` [C] (1 there, 0 not there, NaN unknown) tell of ``concepts`` [Q].

    What is none of the C classes is not there.
    """
    told: np.ndarray = np.append(tags, 0).astype(np.float32)[concepts]
    return told


def without_absent(scene: TrainingScene, told: np.ndarray) -> TrainingScene:
    """``scene`` with the labels of what is ``told`` [Q] to be absent taken back; unknown voxels stay unknown.

    Raises:
        ValueError: ``told`` is of another number of instructions.
    """
    if told.shape != scene.presence.shape:
        raise ValueError(f"the scene has {len(scene.presence)} instructions, got {list(told.shape)} of what is told")
    absent = told == 0
    labels = np.asarray(scene.labels)
    kept = np.where(absent[:, None] & (labels != UNSEEN), 0, labels).astype(np.uint8)
    return replace(scene, labels=kept, presence=np.where(absent, 0, scene.presence).astype(np.float32))
