"""The training-free way to answer: a teacher over stored key views, lifted to the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.lifting.label_scene import SceneLabeller
from mllm_for3d_ros.lifting.lift_scene import prepare_scene
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.student.prediction import Response
from mllm_for3d_ros.teachers.base import Teacher
from mllm_for3d_ros.types import Frame, SceneCloud


@dataclass(frozen=True)
class LiftedScene:
    """A map with its superpoints and what the key views see of it."""

    cloud: SceneCloud
    labeller: SceneLabeller


class LiftedTeacher:
    """Answers like a student, from the teacher's answers on ``frames`` of the scene at hand."""

    presence_threshold = 0.5

    def __init__(
        self,
        teacher: Teacher,
        frames: Sequence[Frame],
        settings: LiftSettings | None = None,
        scout: Teacher | None = None,
    ) -> None:
        """``frames`` are the key views, in the frame of the map; the others as of ``SceneLabeller``."""
        self._teacher, self._frames, self._scout = teacher, list(frames), scout
        self._settings = settings or LiftSettings()
        self.fingerprint = f"lifted:{teacher.fingerprint}"

    def encode(self, cloud: SceneCloud, previous: LiftedScene | None = None) -> LiftedScene:
        """Find superpoints, what the key views see, and which cover the map; nothing of ``previous`` is of use."""
        scene = prepare_scene(cloud.points, cloud.normals, cloud.colors, self._frames)
        return LiftedScene(cloud, SceneLabeller(scene, self._frames, self._teacher, self._settings, self._scout))

    def respond(self, scene: LiftedScene, instruction: str) -> Response:
        """Lift the answers to one instruction; unknown voxels get probability 0."""
        label = scene.labeller.label(instruction).label
        return Response(np.nan_to_num(label.probability), label.presence)

    def mask_level(self, probability: np.ndarray) -> float:
        """One half: what most views agree on."""
        return 0.5
