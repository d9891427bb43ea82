"""Lifted 2D features of a labelled scene, which the student's spatial loss learns from.

They follow from the finished labels alone: every view that some label asked gives its features once. The answers are
in the cache by then, so the teacher is not called again, and a run that was killed ends with the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mllm_for3d_ros.lifting.feature_file import write_features
from mllm_for3d_ros.lifting.label_scene import lift_features
from mllm_for3d_ros.lifting.label_store import LabelStore
from mllm_for3d_ros.lifting.lift_scene import LiftScene
from mllm_for3d_ros.teachers.base import Teacher
from mllm_for3d_ros.types import Frame


def write_scene_features(store: LabelStore, scene: LiftScene, views: Sequence[Frame], teacher: Teacher) -> None:
    """Write the features of ``scene`` beside the labels of ``store``; none wide where the teacher gives none.

    Args:
        store: all of whose labels are finished.
        scene: prepared with ``views``.
        views: the store's.
        teacher: who answered, best behind the cache.

    Raises:
        TeacherError: the teacher cannot run.
    """
    features, seen = lift_features(scene, _maps(store, views, teacher))
    write_features(store.folder, features, seen)


def _maps(store: LabelStore, views: Sequence[Frame], teacher: Teacher) -> Iterator[tuple[int, np.ndarray]]:
    """Views in order, with their features; a teacher that abstains may give none, but for another instruction."""
    asked: dict[int, list[str]] = {}
    for instruction in sorted(store.instructions):
        for view in store.read(instruction).views:
            asked.setdefault(view, []).append(instruction)
    for view in sorted(asked):
        answers = (teacher.answer([views[view]], instruction)[0] for instruction in asked[view])
        found = next((answer.features for answer in answers if answer.features is not None), None)
        if found is not None:
            yield view, found
