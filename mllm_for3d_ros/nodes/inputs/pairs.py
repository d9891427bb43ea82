"""From a pair of messages to a frame: what it waits for, and why it may come to nothing."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import MLLMFor3DError, RecordingError
from mllm_for3d_ros.nodes.conversion import stamp_ns
from mllm_for3d_ros.nodes.inputs.camera import Camera, read_camera
from mllm_for3d_ros.nodes.inputs.frame_reader import FrameReader
from mllm_for3d_ros.nodes.stage_times import StageTimes
from mllm_for3d_ros.nodes.transforms import Transforms
from mllm_for3d_ros.recording.tf import TransformUnavailable
from mllm_for3d_ros.types import Frame


class Skip(MLLMFor3DError):
    """A pair that cannot be fused: ``reason`` is a word for a count, the text is for a person."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True)
class Pair:
    """A colour and a depth message, and when they were complete (monotonic seconds)."""

    color: Any
    depth: Any
    arrived: float

    @property
    def stamp_ns(self) -> int:
        """Stamp of the colour image."""
        return stamp_ns(self.color.header.stamp)


class CameraBook:
    """The newest valid camera_info; safe for threads.

    Args:
        rectified: see ``read_camera``.
    """

    def __init__(self, rectified: bool) -> None:
        self._rectified = rectified
        self._camera: Camera | None = None
        self._changed = threading.Condition()
        self._problem = "no camera_info has come yet: images cannot be used without it"
        self._closed = False

    def take(self, message: Any) -> None:
        """Take a CameraInfo message.

        Raises:
            RecordingError: it cannot be used; the one before stays.
        """
        try:
            camera = read_camera(message, self._rectified)
        except RecordingError as error:
            self._problem = str(error)
            raise
        with self._changed:
            self._camera = camera
            self._changed.notify_all()

    def close(self) -> None:
        """End all waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> Camera:
        """The camera, once it is known.

        Raises:
            Skip: not known within the time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._camera or self._closed, max(0.0, timeout_s))
            if self._camera is None:
                raise Skip("no_camera", self._problem)
            return self._camera


class PairReader:
    """Makes frames of pairs, once their pose and camera are known.

    Args:
        cameras: what a pair waits for first.
        transforms: what it waits for then.
        reader: decodes it.
        stages: notes the time of "wait_for_pose" and "decode".
    """

    def __init__(self, cameras: CameraBook, transforms: Transforms, reader: FrameReader, stages: StageTimes) -> None:
        self._cameras, self._transforms, self._reader, self._stages = cameras, transforms, reader, stages

    def read(self, pair: Pair, map_frame: str, camera_frame: str, timeout_s: float) -> Frame:
        """A frame, posed in the map.

        Args:
            pair: the messages.
            map_frame: that ``camera_to_world`` leads to.
            camera_frame: optical frame; "" takes that of the colour message.
            timeout_s: how long the pair may wait, from its arrival on.

        Raises:
            Skip: "no_camera", "no_pose" or "bad_image".
        """
        deadline, at_ns = pair.arrived + timeout_s, pair.stamp_ns
        source = camera_frame or pair.color.header.frame_id

        def transform(target: str) -> np.ndarray:
            return self._transforms.wait_for(target, source, at_ns, deadline - time.monotonic())

        camera = self._cameras.wait(deadline - time.monotonic())
        try:
            with self._stages.measure("wait_for_pose"):
                pose = transform(map_frame)
            with self._stages.measure("decode"):
                return self._reader.read(pair.color, pair.depth, camera, pose, transform)
        except TransformUnavailable as error:
            raise Skip("no_pose", str(error)) from error
        except (RecordingError, ValueError) as error:
            raise Skip("bad_image", str(error)) from error
