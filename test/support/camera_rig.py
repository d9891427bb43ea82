"""A camera and a localisation that a test plays in front of a mapping node in a process of its own."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from nav_msgs.msg import Odometry
from PIL import Image as Picture
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage

from mllm_for3d_ros.nodes.conversion import byte_array, header_message, image_message
from mllm_for3d_ros.nodes.demo_client import DemoClient
from mllm_for3d_ros.nodes.parameters import LATCHED, qos

PATIENCE_S = 120.0
PERIOD_S = 0.1
STEP_NS = 100_000_000
FIRST_NS = 1_700_000_000_000_000_000
FRAME = "camera_color_optical_frame"
COLOR = np.full((120, 160, 3), 128, np.uint8)
METRES = np.full((120, 160), 2.0, np.float32)
RELIABLE = qos("reliable", "volatile", 100)


def transform(stamp: int, parent: str, child: str, x: float) -> TransformStamped:
    pose = Transform(translation=Vector3(x=x), rotation=Quaternion(w=1.0))
    return TransformStamped(header=header_message(parent, stamp), child_frame_id=child, transform=pose)


def picture(pixels: np.ndarray, header: Any, kind: str, name: str, prefix: bytes = b"") -> CompressedImage:
    file = io.BytesIO()
    Picture.fromarray(pixels).save(file, kind)
    data = byte_array(np.frombuffer(prefix + file.getvalue(), np.uint8))
    return CompressedImage(header=header, format=name, data=data)


class CameraRig:
    """Publishes an image pair, camera_info and the transforms map -> odom -> base -> camera, as it is told.

    Args:
        client: whose node publishes.
        name: of the mapping node.
        compressed: JPEG, compressedDepth and odometry, in place of raw images and /tf.
    """

    def __init__(self, client: DemoClient, name: str = "mapping_node", compressed: bool = False) -> None:
        self.client, self.name, self._compressed = client, name, compressed
        kind = CompressedImage if compressed else Image
        self.topics: dict[str, tuple[Any, str]] = {
            "color": (kind, f"/rgb/image_raw{'/compressed' if compressed else ''}"),
            "depth": (kind, f"/depth/image_raw{'/compressedDepth' if compressed else ''}"),
            "info": (CameraInfo, "/camera_info"),
            "tf": (TFMessage, "/tf"),
            "odom": (Odometry, "/odom"),
        }
        self.publishers: dict[str, Any] = {}
        for topic in self.topics:
            self.begin(topic)
        self._static = client.node.create_publisher(TFMessage, "/tf_static", LATCHED)
        self._static.publish(TFMessage(transforms=[transform(0, "base", FRAME, 0.1)]))
        self.stamp = FIRST_NS

    def begin(self, topic: str, profile: QoSProfile = RELIABLE) -> None:
        """Start (again) the publisher of a topic."""
        self.publishers[topic] = self.client.node.create_publisher(*self.topics[topic], profile)

    def end(self, topic: str) -> None:
        """End the publisher of a topic."""
        self.client.node.destroy_publisher(self.publishers.pop(topic))

    def publish(self, topic: str, message: Any) -> None:
        """Publish where there is a publisher."""
        if topic in self.publishers:
            self.publishers[topic].publish(message)

    def frame(
        self,
        color: np.ndarray | None = COLOR,
        depth: np.ndarray | None = METRES,
        encodings: tuple[str, str] = ("rgb8", "32FC1"),
        size: tuple[int, int] = (160, 120),
        tf: bool = True,
        tf_delay_ns: int = 0,
        odom_x: float = 0.0,
        edit: Callable[[Image], None] = lambda image: None,
    ) -> None:
        """Publish one set; what is None is left out. ``edit`` may spoil the colour message."""
        self.stamp += STEP_NS
        header = header_message(FRAME, self.stamp)
        stamp = self.stamp - tf_delay_ns
        if tf and not self._compressed:
            poses = [transform(stamp, "map", "odom", odom_x), transform(stamp, "odom", "base", 0.0)]
            self.publish("tf", TFMessage(transforms=poses))
        if self._compressed:
            odometry = Odometry(header=header_message("map", self.stamp), child_frame_id="base")
            odometry.pose.pose.orientation.w = 1.0
            self.publish("odom", odometry)
        self.publish("clock", Clock(clock=header.stamp))
        k = size[0] * 0.875
        info = CameraInfo(width=size[0], height=size[1], k=[k, 0, size[0] / 2, 0, k, size[1] / 2, 0, 0, 1])
        self.publish("info", info)
        if color is not None:
            message = image_message(color, encodings[0], header_message(FRAME, self.stamp))
            edit(message)
            self.publish("color", picture(color, header, "JPEG", "rgb8; jpeg") if self._compressed else message)
        if depth is not None and self._compressed:
            millimetres = (depth * 1000).astype(np.uint16)
            self.publish("depth", picture(millimetres, header, "PNG", "16UC1; compressedDepth png", bytes(12)))
        elif depth is not None:
            self.publish("depth", image_message(depth, encodings[1], header))

    def until(self, done: Callable[[], bool], what: str, **how: Any) -> None:
        """Publish frames at 10 Hz until ``done``."""
        last = [0.0]

        def step() -> bool:
            if time.monotonic() - last[0] >= PERIOD_S:
                last[0] = time.monotonic()
                self.frame(**how)
            return done()

        self.client.wait(step, PATIENCE_S, what)

    def figure(self, name: str) -> int:
        """A count of the node's diagnostics."""
        return self.client.figure(self.name, name)

    @property
    def epoch(self) -> str:
        """The epoch of the node's map, as the diagnostics say it."""
        return self.client.figures[self.name]["map_epoch"]

    def until_counted(self, name: str, by: int = 2, **how: Any) -> None:
        """Publish until a count of the diagnostics has grown; it begins anew when the node is activated."""
        before = self.figure(name)

        def counted() -> bool:
            now = self.figure(name)
            return now - (before if now >= before else 0) >= by

        self.until(counted, f"{name} to count", **how)

    def until_said(self, text: str, part: str = "", **how: Any) -> None:
        """Publish until the diagnostics' message, or that of an input, has ``text``."""
        key = f"{self.name}: {part}" if part else self.name
        self.until(lambda: text in self.client.figures.get(key, {}).get("message", ""), f"{text!r} to be said", **how)

    def heals(self) -> None:
        """Publish good frames until they are fused and nothing is wrong."""
        self.until_counted("fused", 3)
        self.until_said("active")
