"""Answers of a 2D teacher on the key views of the map, without any training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.answering.lifted import LiftedTeacher
from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.msg import ReasoningMask
from mllm_for3d_ros.nodes.answers import NotReady
from mllm_for3d_ros.nodes.map_keeper import EncodedMap
from mllm_for3d_ros.nodes.model import AnswererLike
from mllm_for3d_ros.teachers.base import Teacher
from mllm_for3d_ros.types import Frame


class LiftedEngine:
    """Follows ``answers.Engine``; the teacher is loaded for the first instruction, in the thread that asks.

    Args:
        name: of the teacher, for its fingerprint until it is loaded.
        load: loads the teacher.
        views: the key views, in the frame of the map.
        most_views: asked at most for an instruction.
    """

    method = ReasoningMask.METHOD_LIFTED

    def __init__(
        self, name: str, load: Callable[[], Teacher], views: Callable[[], list[Frame]], most_views: int
    ) -> None:
        self.fingerprint = f"lifted:{name}"
        self._load, self._views = load, views
        self._settings = LiftSettings(views=most_views)
        self._teacher: Teacher | None = None
        self._prepared: tuple[tuple[Any, ...], AnswererLike, Any] | None = None

    def prepare(self, encoded: EncodedMap) -> tuple[AnswererLike, Any]:
        """See ``Engine``; costs a second or so whenever the map or the views have changed."""
        frames = self._views()
        if not frames:
            why = (
                "No image of this map has come yet that the teacher could look at: remap rgb/image_raw, "
                "depth/image_raw and camera_info of this node as those of the mapper, and move the camera."
            )
            raise NotReady("no_views", why)
        state = encoded.cloud.epoch, encoded.version, *(frame.stamp_ns for frame in frames)
        if self._prepared is None or self._prepared[0] != state:
            lifted = LiftedTeacher(self._loaded(), frames, self._settings)
            answerer = Answerer(lifted)
            self._prepared = state, answerer, answerer.encode(encoded.cloud)
        return self._prepared[1:]

    def _loaded(self) -> Teacher:
        if self._teacher is None:
            try:
                self._teacher = self._load()
            except MLLMFor3DError as error:
                raise NotReady("no_teacher", str(error)) from error
            self.fingerprint = f"lifted:{self._teacher.fingerprint}"
        return self._teacher
