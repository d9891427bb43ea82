"""Label stores of the toy scene: a red and a green block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from student_scene import toy_cloud

from mllm_for3d_ros.lifting.label_store import LabelStore, Provenance
from mllm_for3d_ros.types import PseudoLabel

TEXTS = ("a place to sleep", "something to eat with", "a submarine")


def toy_store(folder: Path, name: str = "toy", queries: bool = True) -> LabelStore:
    """A store that says that the red block is TEXTS[0], the green one TEXTS[1], and that TEXTS[2] is not there."""
    cloud = toy_cloud()
    store = LabelStore.create(folder, cloud, [], Provenance(name, 1, "toy:teacher"))
    red = cloud.colors[:, 0] > 128
    unknown = np.arange(len(cloud)) < 40  # five student voxels
    for number, (text, mask) in enumerate(zip(TEXTS, (red, ~red, np.zeros(len(red), bool)), strict=True)):
        probability = np.where(unknown, np.nan, mask).astype(np.float32)
        confidence = np.where(unknown, 0, 0.5).astype(np.float32)
        query = np.eye(8, dtype=np.float32)[number] if queries and mask.any() else None
        label = PseudoLabel(text, probability, confidence, query, np.zeros(0, np.float32), (), float(mask.any()))
        store.write(label, [])
    return store
