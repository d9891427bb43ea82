"""Labels of one scene: the teacher looks at the views once, then every instruction is lifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.lifting.lift import Visibility, lift, see
from mllm_for3d_ros.teachers.compact.teacher import CompactTeacher
from mllm_for3d_ros.types import Frame, PseudoLabel


@dataclass(frozen=True)
class SceneLabels:
    """Pseudo-labels of a scene, and its 2D features lifted to the points.

    features: [N, D] float32 mean of the teacher's pixel embeddings over the views that see a point;
    seen: [N] int32 how many views do.
    """

    labels: tuple[PseudoLabel, ...]
    features: np.ndarray
    seen: np.ndarray


def label_scene(
    points: np.ndarray, frames: Sequence[Frame], teacher: CompactTeacher, instructions: Sequence[str]
) -> SceneLabels:
    """Lift the teacher's answers on ``frames`` to ``points`` [N, 3] float32 m in the map frame."""
    visibility = see(points, frames)
    views = teacher.look(frames)
    answers = teacher.answer_all(views, instructions)
    labels = tuple(
        lift(text, len(points), visibility, answer) for text, answer in zip(instructions, answers, strict=True)
    )
    features, seen = lift_features(len(points), visibility, views.embeddings.numpy(), frames)
    return SceneLabels(labels, features, seen)


def lift_features(
    count: int, visibility: Sequence[Visibility], maps: np.ndarray, frames: Sequence[Frame]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the feature maps [V, D, h, w] over the views that see each of ``count`` points; how many do."""
    total, seen = np.zeros((count, maps.shape[1]), np.float32), np.zeros(count, np.int32)
    for view, feature_map, frame in zip(visibility, maps, frames, strict=True):
        rows = view.v * feature_map.shape[1] // frame.intrinsics.height
        columns = view.u * feature_map.shape[2] // frame.intrinsics.width
        total[view.indices] += feature_map[:, rows, columns].T
        seen[view.indices] += 1
    return total / np.maximum(seen, 1)[:, None], seen
