"""The work of the mapping node on one pair of images after the other: reading, fusion, and what goes wrong."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from mllm_for3d_ros.nodes.inputs.continuity import Continuity, Verdict
from mllm_for3d_ros.nodes.inputs.pairs import Pair, PairReader, Skip
from mllm_for3d_ros.nodes.speaker import Speaker
from mllm_for3d_ros.nodes.stage_times import StageTimes
from mllm_for3d_ros.nodes.transforms import Transforms
from mllm_for3d_ros.recording.tf import TransformUnavailable
from mllm_for3d_ros.scene.voxel_map import VoxelMap
from mllm_for3d_ros.types import Frame

SKIPPED = ("no_camera", "no_pose", "bad_image", "no_depth", "jump", "failed")
"""Why pairs of images are not fused; each is a count in the diagnostics."""


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


class Mapper:
    """Fuses pairs into a map.

    Args:
        voxels: the map.
        reader: makes frames of pairs.
        transforms: the same as the reader's.
        continuity: judges frames.
        settings: may be changed at any time.
        speaker: told of pairs that are not fused.
        stages: notes how long fusion takes, and all of it.
        fusing: held while a frame is judged and fused; whoever puts another map in place holds it too.
    """

    def __init__(
        self,
        voxels: VoxelMap,
        reader: PairReader,
        transforms: Transforms,
        continuity: Continuity,
        settings: Settings,
        speaker: Speaker,
        stages: StageTimes,
        fusing: threading.Lock,
    ) -> None:
        self._voxels, self._reader, self._transforms, self._continuity = voxels, reader, transforms, continuity
        self.settings, self._speaker, self.stages, self._fusing = settings, speaker, stages, fusing
        self._counts: Counter[str] = Counter()
        self._last_look = self._begun = 0

    def take(self, pair: Pair) -> None:
        """Fuse one pair, or count and say why not."""
        settings, begun = self.settings, self._begun
        try:
            frame = self._reader.read(pair, settings.map_frame, settings.camera_frame, settings.pose_timeout)
            with self._fusing:
                if begun != self._begun:
                    return  # while it waited for its pose, another map took the place of the one that it was seen for
                self._judge(frame)
                self._fuse(frame)
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

    def _judge(self, frame: Frame) -> None:
        """Begin a new map where time or place has jumped for good."""
        settings, is_camera = self.settings, False
        try:
            anchor = self._transforms.lookup(settings.map_frame, settings.odometry_frame, frame.stamp_ns)
        except TransformUnavailable:
            anchor, is_camera = frame.camera_to_world, True
        verdict = self._continuity.check(frame.stamp_ns, anchor, is_camera)
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
        """Note, with ``fusing`` held, that another map has taken the place of the one before: all begins anew."""
        self._begun += 1
        self._continuity.forget()
        self._last_look = 0

    def figures(self) -> Mapping[str, object]:
        """Counts of pairs by what became of them, and the times of the stages."""
        counts = {name: self._counts[name] for name in ("fused", *SKIPPED, "restarts")}
        return counts | self.stages.figures()
