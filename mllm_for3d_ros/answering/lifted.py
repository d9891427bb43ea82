"""The training-free way to answer: the teacher over stored key views, lifted to the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mllm_for3d_ros.lifting.lift import Visibility, lift, see
from mllm_for3d_ros.student.prediction import Response
from mllm_for3d_ros.student.voxels import StudentVoxels, voxelise
from mllm_for3d_ros.teachers.compact.teacher import CompactTeacher, LookedAt
from mllm_for3d_ros.types import Frame, SceneCloud


@dataclass(frozen=True)
class LiftedScene:
    """A map with the key views that the teacher has looked at."""

    cloud: SceneCloud
    voxels: StudentVoxels
    visibility: tuple[Visibility, ...]
    views: LookedAt


class LiftedTeacher:
    """Answers like a student, from the teacher's answers on ``frames`` of the scene at hand."""

    mask_threshold = 0.5
    presence_threshold = 0.5

    def __init__(self, teacher: CompactTeacher, frames: Sequence[Frame]) -> None:
        """``frames`` are the key views, in the frame of the map."""
        self._teacher, self._frames = teacher, list(frames)
        self.fingerprint = f"lifted:{teacher.fingerprint}"

    def encode(self, cloud: SceneCloud) -> LiftedScene:
        """Look at the key views and find which voxels they see."""
        voxels = voxelise(cloud)
        visibility = tuple(see(voxels.points, self._frames))
        return LiftedScene(cloud, voxels, visibility, self._teacher.look(self._frames))

    def respond(self, scene: LiftedScene, instruction: str) -> Response:
        """Lift the answers to one instruction; unseen voxels get probability 0."""
        answers = self._teacher.answer_all(scene.views, [instruction])[0]
        label = lift(instruction, len(scene.voxels), scene.visibility, answers)
        return Response(scene.voxels.spread(np.nan_to_num(label.probability)), label.presence)
