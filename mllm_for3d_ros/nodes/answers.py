"""From a request whose turn has come to its answer, or to why there is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mllm_for3d_ros.answering.region import Region
from mllm_for3d_ros.answering.viewpoint import Viewpoint
from mllm_for3d_ros.errors import InstructionError, MLLMFor3DError
from mllm_for3d_ros.msg import ReasoningMask
from mllm_for3d_ros.nodes.instruction_desk import Posed, Request, Verdict
from mllm_for3d_ros.nodes.map_keeper import EncodedMap
from mllm_for3d_ros.nodes.model import AnswererLike
from mllm_for3d_ros.nodes.requests import Rejection
from mllm_for3d_ros.nodes.speaker import describe
from mllm_for3d_ros.recording.tf import TransformUnavailable
from mllm_for3d_ros.types import Mask3D, Status


@dataclass(frozen=True)
class Answer:
    """What is said to a request.

    encoded: the map it was answered on, None if there was none. mask: None unless the model ran. fingerprint, method:
    of what answered. queue_s: from arrival to the start of inference; inference_s: from there to the answer.
    """

    status: Status
    explanation: str
    error_code: str = ""
    encoded: EncodedMap | None = None
    mask: Mask3D | None = None
    fingerprint: str = ""
    method: int = ReasoningMask.METHOD_AUTO
    queue_s: float = 0.0
    inference_s: float = 0.0


class NotReady(MLLMFor3DError):
    """Something is missing that an answer needs; ``code`` is its stable name."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Engine(Protocol):
    """A way to answer; ``method`` is its METHOD_ constant."""

    method: int

    @property
    def fingerprint(self) -> str:
        """Of the model."""

    def prepare(self, encoded: EncodedMap) -> tuple[AnswererLike, Any]:
        """What answers on a map, and the scene to give it.

        Raises:
            NotReady: it needs what is not there yet.
        """


class StudentEngine:
    """Answers on maps that were encoded as they came."""

    method = ReasoningMask.METHOD_STUDENT

    def __init__(self, answerer: AnswererLike) -> None:
        self._answerer = answerer
        self.fingerprint = answerer.fingerprint

    def prepare(self, encoded: EncodedMap) -> tuple[AnswererLike, Any]:
        """See ``Engine``."""
        return self._answerer, encoded.scene


@dataclass(frozen=True)
class Thresholds:
    """Of voxels and of presence, 0..1; None: those that the model was calibrated with."""

    mask: float | None = None
    presence: float | None = None


class AnswerMaker:
    """Answers requests with one engine; never raises, for whoever asks must hear what went wrong.

    Args:
        engine: what answers.
        current: the newest encoded map.
        transform: [4, 4] from a source frame to a target frame at a time in ns; raises TransformUnavailable.
        thresholds: for requests that name none.
        obstacles: lines that say why there may be no map.
    """

    def __init__(
        self,
        engine: Engine,
        current: Callable[[], EncodedMap | None],
        transform: Callable[[str, str, int], np.ndarray],
        thresholds: Callable[[], Thresholds],
        obstacles: Callable[[], list[str]],
    ) -> None:
        self._engine, self._current, self._transform = engine, current, transform
        self._thresholds, self._obstacles = thresholds, obstacles

    def make(self, request: Request, verdict: Verdict) -> Answer:
        """The answer to a request."""
        started = time.monotonic()
        encoded, queue_s = self._current(), started - request.arrived
        if verdict is not Verdict.ANSWER or encoded is None:
            return self._refusal(request, verdict, encoded, queue_s)
        mask = None
        try:
            mask = self._ask(request, encoded)
        except Rejection as error:
            status, code, why = Status.REJECTED, error.code, str(error)
        except InstructionError as error:
            status, code, why = Status.REJECTED, "text_invalid", str(error)
        except NotReady as error:
            status, code, why = Status.NOT_READY, error.code, str(error)
        except Exception as error:  # the next instruction may fare better
            status, code, why = Status.ERROR, "inference_failed", f"The model failed: {describe(error)}"
        else:
            code = "map_too_small" if mask.status == Status.NOT_READY else ""
            status, why = mask.status, mask.explanation
        inference_s = time.monotonic() - started
        return Answer(
            status, why, code, encoded, mask, self._engine.fingerprint, self._engine.method, queue_s, inference_s
        )

    def _ask(self, request: Request, encoded: EncodedMap) -> Mask3D:
        default = self._thresholds()
        viewpoint = None if request.viewpoint is None else self._viewpoint(request.viewpoint, encoded)
        region = None if request.region is None else self._region(request.region, request.region_size, encoded)
        answerer, scene = self._engine.prepare(encoded)
        return answerer.answer(
            scene,
            request.text,
            mask_threshold=request.threshold or default.mask,
            presence_threshold=default.presence,
            max_instances=request.max_instances,
            viewpoint=viewpoint,
            region=region,
        )

    def _viewpoint(self, posed: Posed, encoded: EncodedMap) -> Viewpoint:
        try:
            return Viewpoint.of(self._in_map("viewpoint", posed, encoded))
        except ValueError as error:
            raise Rejection("bad_viewpoint", str(error)) from error

    def _region(self, posed: Posed, size: tuple[float, float, float], encoded: EncodedMap) -> Region:
        return Region(self._in_map("region", posed, encoded), np.array(size))

    def _in_map(self, name: str, posed: Posed, encoded: EncodedMap) -> np.ndarray:
        """[4, 4] of a pose in the frame of the map; without a stamp, at the time of the map."""
        frame = encoded.cloud.frame_id.lstrip("/")
        if posed.frame_id in ("", frame):
            return posed.pose
        try:
            return self._transform(frame, posed.frame_id, posed.stamp_ns or encoded.stamp_ns) @ posed.pose
        except TransformUnavailable as error:
            why = f"the {name} is in frame {posed.frame_id!r} and the map in {frame!r}: {error}"
            raise Rejection(f"{name}_frame", why) from error

    def _refusal(self, request: Request, verdict: Verdict, encoded: EncodedMap | None, queue_s: float) -> Answer:
        """Why there is no answer yet."""
        if encoded is None:
            problem = "; ".join(self._obstacles()) or "start the mapper, or wait until it has seen something"
            code, why = "no_map", f"No map yet: {problem}."
        elif encoded.version < request.min_version:
            code = "map_too_old"
            why = (
                f"The map has version {encoded.version} and {request.min_version} was asked for: give a longer timeout."
            )
        else:
            code, why = "busy", "Its turn had not come: give a longer timeout, or ask less at a time."
        status = Status.NOT_READY
        if verdict is Verdict.TIMEOUT:
            status, why = Status.TIMEOUT, f"After {request.timeout_s:.1f} s: {why}"
        return Answer(status, why, code, encoded, fingerprint=self._engine.fingerprint, queue_s=queue_s)
