"""Instruction messages to requests, with a reason for each that is refused."""

from __future__ import annotations

import itertools
import math
import time
from typing import Any

import numpy as np

from mllm_for3d_ros.answering.viewpoint import Viewpoint
from mllm_for3d_ros.errors import InstructionError, MLLMFor3DError
from mllm_for3d_ros.language.instruction import MAX_CHARACTERS, clean_instruction
from mllm_for3d_ros.msg import Instruction
from mllm_for3d_ros.nodes.conversion import NANOSECONDS, stamp_ns
from mllm_for3d_ros.nodes.instruction_desk import Request

MAX_NAME = 200
"""Characters of an id or requester."""


class Rejection(MLLMFor3DError):
    """An instruction that is refused; ``code`` is the stable name of the reason."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class RequestReader:
    """Makes requests of messages; gives ids to those without.

    Args:
        default_timeout_s: for instructions that name no timeout.
    """

    def __init__(self, default_timeout_s: float = 0.0) -> None:
        self._default_timeout = default_timeout_s
        self._numbers = itertools.count(1)

    def name(self, message: Any) -> str:
        """The id of a message, a new one if it has none."""
        return message.id or f"auto-{next(self._numbers)}"

    def read(self, message: Any, instruction_id: str) -> Request:
        """The request of an Instruction with op ANSWER or KEEP.

        Raises:
            Rejection: something about it is not valid or not supported.
        """
        _check_support(message)
        if not 0.0 <= message.score_threshold <= 1.0:  # also False for NaN
            raise Rejection(
                "bad_threshold", f"score_threshold {message.score_threshold} is not within 0..1: use 0 for the default"
            )
        try:
            text = clean_instruction(message.text)
        except InstructionError as error:
            long = len(message.text) > MAX_CHARACTERS
            raise Rejection("text_too_long" if long else "text_empty", str(error)) from error
        timeout = stamp_ns(message.timeout) / NANOSECONDS
        return Request(
            requester=message.requester,
            id=instruction_id,
            text=text,
            arrived=time.monotonic(),
            stamp_ns=stamp_ns(message.header.stamp),
            threshold=float(message.score_threshold),
            max_instances=int(message.max_instances),
            min_version=int(message.min_map_version),
            timeout_s=timeout if timeout > 0 else self._default_timeout,
            include_points=bool(message.include_points),
            keep=message.op == Instruction.OP_KEEP,
            viewpoint=_viewpoint(message.viewpoint.pose) if message.has_viewpoint else None,
            viewpoint_frame=message.viewpoint.header.frame_id if message.has_viewpoint else "",
        )


def _viewpoint(pose: Any) -> tuple[float, float, float]:
    """Read x m, y m and yaw rad off a geometry_msgs/Pose with REP-103 axes.

    Raises:
        Rejection: it is not finite, its quaternion is no rotation, or it looks straight up or down.
    """
    q, place = pose.orientation, pose.position
    length = math.sqrt(q.x**2 + q.y**2 + q.z**2 + q.w**2)
    if not abs(length - 1.0) < 0.05:  # also true for NaN
        raise Rejection("bad_viewpoint", f"the viewpoint's quaternion has length {length:.3g}: give a unit quaternion")
    x, y, z, w = (value / length for value in (q.x, q.y, q.z, q.w))
    matrix = np.eye(4)
    matrix[:3, 0] = 1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w)
    matrix[:3, 3] = place.x, place.y, place.z
    try:
        seen = Viewpoint.of(matrix)
    except ValueError as cause:
        raise Rejection("bad_viewpoint", str(cause)) from cause
    return float(seen.position[0]), float(seen.position[1]), seen.yaw


def _check_support(message: Any) -> None:
    """Refuse what this version does not do, rather than answer as if it had not been asked."""
    if max(len(message.id), len(message.requester)) > MAX_NAME:
        raise Rejection("name_too_long", f"id and requester may have {MAX_NAME} characters each: shorten them")
    if message.op not in (Instruction.OP_ANSWER, Instruction.OP_KEEP):
        raise Rejection("unknown_op", f"op {message.op} is unknown: use one of the OP_ constants of Instruction")
    if message.method == Instruction.METHOD_LIFTED:
        raise Rejection("method_unavailable", "this node has no 2D teacher: use METHOD_AUTO or METHOD_STUDENT")
    if message.method not in (Instruction.METHOD_AUTO, Instruction.METHOD_STUDENT):
        raise Rejection("unknown_method", f"method {message.method} is unknown: use a METHOD_ constant of Instruction")
    if message.has_region:
        raise Rejection("region_unsupported", "searching only a box is not supported yet: set has_region to false")
