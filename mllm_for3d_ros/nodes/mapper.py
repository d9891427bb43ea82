"""The work of the mapping node on one pair of images after the other: pose, frame, fusion, and what goes wrong."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import MLLMFor3DError, RecordingError
from mllm_for3d_ros.nodes.conversion import stamp_ns
from mllm_for3d_ros.nodes.inputs.camera import Camera, read_camera
from mllm_for3d_ros.nodes.inputs.continuity import Continuity, Verdict
from mllm_for3d_ros.nodes.inputs.frame_reader import FrameReader, Robot
from mllm_for3d_ros.nodes.speaker import Speaker
from mllm_for3d_ros.nodes.stage_times import StageTimes
from mllm_for3d_ros.nodes.transforms import Transforms
from mllm_for3d_ros.recording.tf import TransformUnavailable
from mllm_for3d_ros.scene.voxel_map import VoxelMap
from mllm_for3d_ros.types import Frame

SKIPPED = ("no_camera", "no_pose", "bad_image", "no_depth", "jump", "failed")
"""Why pairs of images are not fused; each is a count in the diagnostics."""


class Skip(MLLMFor3DError):
    """A pair that cannot be fused: ``reason`` is one of ``SKIPPED``, the text is for a person."""

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


@dataclass
class Settings:
    """map_frame; camera_frame: "" takes that of the colour image; odometry_frame: moves in the map only when the
    robot is localised anew, "" for none. pose_timeout: s that a pair waits for its pose and camera. decay_period: s
    between two looks for voxels that are seen through, 0 for none; decay_looks: looks after which they are dropped.
    """

    map_frame: str
    camera_frame: str
    odometry_frame: str
    pose_timeout: float
    decay_period: float
    decay_looks: int


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


class Mapper:
    """Fuses pairs into a map.

    Args:
        voxels: the map.
        reader: makes frames of pairs.
        robot: the same as the reader's.
        cameras, transforms: what a pair waits for.
        continuity: judges frames.
        settings: may be changed at any time.
        speaker: told of pairs that are not fused.
    """

    def __init__(
        self,
        voxels: VoxelMap,
        reader: FrameReader,
        robot: Robot,
        cameras: CameraBook,
        transforms: Transforms,
        continuity: Continuity,
        settings: Settings,
        speaker: Speaker,
    ) -> None:
        self._voxels, self._reader, self._robot = voxels, reader, robot
        self._cameras, self._transforms, self._continuity = cameras, transforms, continuity
        self.settings, self._speaker = settings, speaker
        self.stages = StageTimes()
        self._counts: Counter[str] = Counter()
        self._last_look = 0

    def take(self, pair: Pair) -> None:
        """Fuse one pair, or count and say why not."""
        try:
            self._fuse(self._frame(pair))
        except Skip as skip:
            self._counts[skip.reason] += 1
            self._speaker.error(skip.reason, skip)
        else:
            self._counts["fused"] += 1
            self.stages.add("arrival_to_map", time.monotonic() - pair.arrived)

    def failed(self, error: Exception) -> None:
        """Count and say an exception of ``take`` that nobody expected."""
        self._counts["failed"] += 1
        self._speaker.error("failed", error)

    def _frame(self, pair: Pair) -> Frame:
        deadline = pair.arrived + self.settings.pose_timeout

        def transform(target: str) -> np.ndarray:
            return self._transforms.wait_for(target, source, at_ns, deadline - time.monotonic())

        at_ns = pair.stamp_ns
        source = self.settings.camera_frame or pair.color.header.frame_id
        camera = self._cameras.wait(deadline - time.monotonic())
        try:
            with self.stages.measure("wait_for_pose"):
                pose = transform(self.settings.map_frame)
            self._judge(at_ns, pose)
            with self.stages.measure("decode"):
                return self._reader.read(
                    pair.color,
                    pair.depth,
                    camera,
                    pose,
                    lambda: transform(self._robot.box_frame),
                )
        except TransformUnavailable as error:
            raise Skip("no_pose", str(error)) from error
        except (RecordingError, ValueError) as error:
            raise Skip("bad_image", str(error)) from error

    def _judge(self, at_ns: int, pose: np.ndarray) -> None:
        """Begin a new map where time or place has jumped for good."""
        try:
            anchor, is_camera = (
                self._transforms.lookup(self.settings.map_frame, self.settings.odometry_frame, at_ns),
                False,
            )
        except TransformUnavailable:
            anchor, is_camera = pose, True
        verdict = self._continuity.check(at_ns, anchor, is_camera)
        if verdict is Verdict.HOLD:
            raise Skip("jump", f"{self._continuity.reason}: images are left out until it is sure")
        if verdict is Verdict.RESTART:
            self._speaker.warn(
                "restart", f"{self._continuity.reason}: the map of {len(self._voxels)} voxels is dropped"
            )
            self._counts["restarts"] += 1
            self._voxels.reset()
            self._last_look = 0

    def _fuse(self, frame: Frame) -> None:
        with self.stages.measure("fuse"):
            used = self._voxels.integrate(frame)
        if not used:
            span = f"{self._voxels.min_depth:g} to {self._voxels.max_depth:g} m"
            raise Skip("no_depth", f"an image has no depth from {span}: nothing to fuse")
        period = self.settings.decay_period
        if period and abs(frame.stamp_ns - self._last_look) >= period * 1e9:
            self._last_look = frame.stamp_ns
            with self.stages.measure("decay"):
                self._voxels.forget_seen_through(frame, self.settings.decay_looks)

    def begin(self) -> None:
        """Note that another map has taken the place of the one before: the next frame is the first one."""
        self._continuity.forget()
        self._last_look = 0

    def figures(self) -> Mapping[str, object]:
        """Counts of pairs by what became of them, and the times of the stages."""
        counts = {name: self._counts[name] for name in ("fused", *SKIPPED, "restarts")}
        return counts | self.stages.figures()
