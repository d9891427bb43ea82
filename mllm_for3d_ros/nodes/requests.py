"""Instruction messages to requests, with a reason for each that is refused."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import InstructionError, MLLMFor3DError
from mllm_for3d_ros.language.instruction import MAX_CHARACTERS, clean_instruction
from mllm_for3d_ros.msg import Instruction
from mllm_for3d_ros.nodes.conversion import NANOSECONDS, stamp_ns
from mllm_for3d_ros.nodes.instruction_desk import Posed, Request
from mllm_for3d_ros.recording.transforms import make_transform

MAX_NAME = 200
"""Characters of an id or requester."""


class Rejection(MLLMFor3DError):
    """An instruction that is refused; ``code`` is the stable name of the reason."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class RequestReader:
    """Makes requests of messages; gives ids to those without."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def name(self, message: Any) -> str:
        """The id of a message, a new one if it has none."""
        return message.id or f"auto-{next(self._numbers)}"

    def read(
        self,
        message: Any,
        instruction_id: str,
        default_timeout_s: float = 0.0,
        reply: Callable[[Any], object] | None = None,
    ) -> Request:
        """The request of an Instruction with op ANSWER or KEEP.

        Args:
            message: the Instruction.
            instruction_id: its ``name``.
            default_timeout_s: for one that names no timeout.
            reply: takes the answer, beside the topics.

        Raises:
            Rejection: something about it is not valid.
        """
        _check_constants(message)
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
            timeout_s=timeout if timeout > 0 else default_timeout_s,
            include_points=bool(message.include_points),
            keep=message.op == Instruction.OP_KEEP,
            lifted=message.method == Instruction.METHOD_LIFTED,
            viewpoint=_posed("viewpoint", message.viewpoint) if message.has_viewpoint else None,
            region=_posed("region", message.region_pose) if message.has_region else None,
            region_size=_extents(message.region_size) if message.has_region else (0.0, 0.0, 0.0),
            reply=reply,
        )


def _posed(name: str, message: Any) -> Posed:
    """A PoseStamped.

    Raises:
        Rejection: it is not finite, or its quaternion is no rotation.
    """
    p, q = message.pose.position, message.pose.orientation
    place, turn = np.array([p.x, p.y, p.z]), np.array([q.x, q.y, q.z, q.w])
    length = float(np.linalg.norm(turn))
    if not abs(length - 1.0) < 0.05:  # also true for NaN
        raise Rejection(f"bad_{name}", f"the {name}'s quaternion has length {length:.3g}: give a unit quaternion")
    if not np.isfinite(place).all():
        raise Rejection(f"bad_{name}", f"the {name}'s position is not finite: give metres")
    return Posed(make_transform(place, turn), message.header.frame_id.lstrip("/"), stamp_ns(message.header.stamp))


def _extents(size: Any) -> tuple[float, float, float]:
    extents = float(size.x), float(size.y), float(size.z)
    if not all(math.isfinite(side) and side > 0 for side in extents):
        shown = " x ".join(f"{side:g}" for side in extents)
        raise Rejection("bad_region", f"region_size is {shown} m: give three positive extents, or has_region false")
    return extents


def _check_constants(message: Any) -> None:
    """Refuse names that are too long, and numbers that mean nothing."""
    if max(len(message.id), len(message.requester)) > MAX_NAME:
        raise Rejection("name_too_long", f"id and requester may have {MAX_NAME} characters each: shorten them")
    if message.op not in (Instruction.OP_ANSWER, Instruction.OP_KEEP):
        raise Rejection("unknown_op", f"op {message.op} is unknown: use one of the OP_ constants of Instruction")
    if message.method not in (Instruction.METHOD_AUTO, Instruction.METHOD_STUDENT, Instruction.METHOD_LIFTED):
        raise Rejection("unknown_method", f"method {message.method} is unknown: use a METHOD_ constant of Instruction")
