"""The topics of an RGB-D camera and of its pose, as pairs of images that belong together."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mllm_for3d_ros.nodes.conversion import stamp_ns
from mllm_for3d_ros.nodes.inputs.decoding import color_decoder, depth_decoder
from mllm_for3d_ros.nodes.inputs.frame_reader import FrameReader, Robot
from mllm_for3d_ros.nodes.inputs.pairs import CameraBook, Pair, PairReader
from mllm_for3d_ros.nodes.managed_node import ManagedNode
from mllm_for3d_ros.nodes.mapping_parameters import PARAMETERS
from mllm_for3d_ros.nodes.pairing import COLOR, DEPTH, StampOffsets, make_pairing
from mllm_for3d_ros.nodes.parameters import qos
from mllm_for3d_ros.nodes.stage_times import StageTimes
from mllm_for3d_ros.nodes.transforms import TF_DEPTH, TransformListener
from mllm_for3d_ros.nodes.watchdog import Input, Watchdog

_NAMES = (
    "camera_frame", "pose_source", "pose_frame", "pose_timeout", "rgb_transport", "depth_transport", "rectification",
    "image_reliability", "image_depth", "pose_reliability", "approx_sync_max_interval",
)  # fmt: skip
IMAGE_PARAMETERS = tuple(parameter for parameter in PARAMETERS if parameter.name in _NAMES)
"""What a node with these inputs declares."""


class ImageInputs:
    """Subscribes a node to colour, depth, camera_info and poses, as its ``IMAGE_PARAMETERS`` say.

    cameras, transforms: what a pair waits for. pairs, offsets: for the diagnostics.

    Args:
        node: that subscribes.
        watchdog: of the node.
        capacity: images of a kind that may wait for a partner.
        take: called with each pair, in the thread of the node's callbacks.
    """

    def __init__(self, node: ManagedNode, watchdog: Watchdog, capacity: int, take: Callable[[Pair], object]) -> None:
        self._p, self._speaker, self._take_pair = node.parameters, node.speaker, take
        self._say = node.get_logger().warning
        self.offsets = StampOffsets()
        interval_ns = round(self._p["approx_sync_max_interval"] * 1e9)
        self.pairs = make_pairing(interval_ns, capacity, self._say)
        self.cameras = CameraBook(self._rectified(node.resolve_topic_name("rgb/image_raw")))
        self.transforms = TransformListener(node, partial(watchdog.subscribe, watch=False))
        self._color_frame = ""
        self._subscribe(node, watchdog.subscribe)

    def reader(self, robot: Robot, stages: StageTimes) -> PairReader:
        """What makes frames of pairs, without the robot."""
        p = self._p
        frames = FrameReader(color_decoder(p["rgb_transport"], self._say), depth_decoder(p["depth_transport"]), robot)
        return PairReader(self.cameras, self.transforms, frames, stages)

    def close(self) -> None:
        """End all waiting, and forget the images that wait for a partner."""
        self.transforms.close()
        self.cameras.close()
        self.pairs.clear()

    def _rectified(self, topic: str) -> bool:
        """Whether the images come rectified."""
        choice = self._p["rectification"]
        return choice == "none" or (choice == "auto" and "rect" in topic.rsplit("/", 1)[-1])

    def _subscribe(self, node: ManagedNode, subscribe: Callable[..., Input]) -> None:
        p = self._p
        images = qos(p["image_reliability"], "volatile", p["image_depth"])
        subscribe(CameraInfo, "camera_info", self.cameras.take, images)
        for side, name, transport in ((COLOR, "rgb", p["rgb_transport"]), (DEPTH, "depth", p["depth_transport"])):
            base = topic = f"{name}/image_raw"
            kind = Image if transport == "raw" else CompressedImage
            if transport != "raw":
                topic = f"{node.resolve_topic_name(base)}/{transport}"
            subscribe(kind, topic, partial(self._take_image, side), images).name = base  # what is remapped
        poses = qos(p["pose_reliability"], "volatile", TF_DEPTH)
        if p["pose_source"] == "pose":
            subscribe(PoseStamped, "pose", self._take_pose, poses)
        elif p["pose_source"] == "odometry":
            subscribe(Odometry, "odom", self._take_odometry, poses)

    def _take_pose(self, message: PoseStamped) -> None:
        child = self._p["pose_frame"] or self._p["camera_frame"] or self._color_frame
        if child:
            self.transforms.take_pose(message.header, message.pose, child)

    def _take_odometry(self, message: Odometry) -> None:
        self.transforms.take_pose(message.header, message.pose.pose, message.child_frame_id)

    def _take_image(self, side: int, message: Any) -> None:
        stamp = stamp_ns(message.header.stamp)
        self.offsets.seen(side, stamp)
        if side == COLOR:
            self._color_frame = message.header.frame_id
        unpaired = self.pairs.unpaired
        pair = self.pairs.add(side, message)
        if pair is not None:
            color, depth = pair
            self.offsets.paired(stamp_ns(color.header.stamp), stamp_ns(depth.header.stamp))
            self._take_pair(Pair(color, depth, time.monotonic()))
        elif self.pairs.unpaired > unpaired:
            self._say_unpaired(self.offsets.nearest_s(side, stamp))

    def _say_unpaired(self, nearest: float | None) -> None:
        """Name the offset; an image whose partner went to another one, as where the rates differ, is only counted."""
        allowed = self._p["approx_sync_max_interval"]
        if nearest is not None and nearest > allowed:
            self._speaker.warn(
                "unpaired",
                f"colour and depth do not pair: nearest stamps differ by {nearest:.3f} s, more than "
                f"approx_sync_max_interval ({allowed} s); raise it or sync the camera",
            )
