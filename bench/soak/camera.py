"""A robot's camera as a process: colour and depth of a synthetic room at 30 Hz, /tf at 100 Hz.

python -m bench.soak.camera [--seed 10000] [--views 60] [--hold 5]

Ends with SIGINT or SIGTERM and prints one line of JSON: how much was published, and how late at worst.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.node import Node
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from bench.soak.process import run_until_stopped
from mllm_for3d_ros.nodes.conversion import NANOSECONDS, header_message, image_message, time_message
from mllm_for3d_ros.nodes.parameters import LATCHED, qos
from mllm_for3d_ros.recording.transforms import matrix_to_quaternion
from mllm_for3d_ros.rooms.recording import RoomsRecording
from mllm_for3d_ros.types import Frame

TICK_HZ, IMAGE_HZ = 100, 30
WIDTH, HEIGHT = 640, 480
COLOR_TOPIC, DEPTH_TOPIC = "/camera/color/image_raw", "/camera/depth/image_raw"
INFO_TOPIC = "/camera/color/camera_info"
OPTICAL_FRAME = "camera_color_optical_frame"
_STAMP_AT = 4
"""Bytes before the header's stamp in a serialized message (CDR): those that tell its encoding."""


@dataclass(frozen=True)
class View:
    """A rendered frame, serialized once: publishing it costs a copy and a stamp."""

    color: bytearray
    depth: bytearray
    camera_to_world: np.ndarray


def view_of(frame: Frame) -> View:
    """The messages of a frame: rgb8 and 16UC1."""
    header = header_message(OPTICAL_FRAME, 0)
    millimetres = np.rint(frame.depth * 1000).astype(np.uint16)
    color, depth = image_message(frame.color, "rgb8", header), image_message(millimetres, "16UC1", header)
    return View(bytearray(serialize_message(color)), bytearray(serialize_message(depth)), frame.camera_to_world)


def stamped(message: bytearray, nanoseconds: int) -> bytes:
    """A serialized message whose first field is a header, with another stamp."""
    struct.pack_into("<iI", message, _STAMP_AT, *divmod(nanoseconds, NANOSECONDS))
    return bytes(message)


def transform_message(parent: str, child: str, nanoseconds: int, matrix: np.ndarray) -> TransformStamped:
    """The pose [4, 4] of ``child`` in ``parent``."""
    x, y, z = map(float, matrix[:3, 3])
    qx, qy, qz, qw = map(float, matrix_to_quaternion(matrix[:3, :3]))
    transform = Transform(translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(x=qx, y=qy, z=qz, w=qw))
    return TransformStamped(header=header_message(parent, nanoseconds), child_frame_id=child, transform=transform)


def view_at(image: int, views: int, hold: int) -> int:
    """The view of image number ``image``: each is shown ``hold`` times, there and back again."""
    step = image // hold % max(1, 2 * views - 2)
    return step if step < views else 2 * views - 2 - step


class Camera:
    """Publishes the views in turn; images are stamped at ticks of /tf, so that their pose is exact."""

    def __init__(self, node: Node, recording: RoomsRecording, hold: int) -> None:
        """Renders all views, which takes a while."""
        self._views, self._hold = [view_of(frame) for frame in recording], hold
        camera = recording.intrinsics
        k = [camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0]
        p = [camera.fx, 0.0, camera.cx, 0.0, 0.0, camera.fy, camera.cy, 0.0, 0.0, 0.0, 1.0, 0.0]
        self._info = CameraInfo(width=WIDTH, height=HEIGHT, distortion_model="plumb_bob", d=[0.0] * 5, k=k, p=p)
        self._info.header.frame_id = OPTICAL_FRAME
        self._info.r = np.eye(3).reshape(-1).tolist()
        sensor = qos("best_effort", "volatile", 5)
        self._publish_color = node.create_publisher(Image, COLOR_TOPIC, sensor).publish
        self._publish_depth = node.create_publisher(Image, DEPTH_TOPIC, sensor).publish
        self._publish_info = node.create_publisher(CameraInfo, INFO_TOPIC, sensor).publish
        self._publish_tf = node.create_publisher(TFMessage, "/tf", 100).publish
        static = node.create_publisher(TFMessage, "/tf_static", LATCHED)
        static.publish(TFMessage(transforms=[transform_message("map", "odom", time.time_ns(), np.eye(4))]))
        self.images = 0
        self.worst_delay_s = 0.0

    def run(self, stop: threading.Event) -> None:
        """Publish until told to stop."""
        start, tick = time.monotonic(), 0
        while not stop.wait(max(0.0, start + tick / TICK_HZ - time.monotonic())):
            self.worst_delay_s = max(self.worst_delay_s, time.monotonic() - start - tick / TICK_HZ)
            self._tick(tick)
            tick += 1

    def _tick(self, tick: int) -> None:
        now = time.time_ns()
        view = self._views[view_at(self.images, len(self._views), self._hold)]
        pose = transform_message("odom", OPTICAL_FRAME, now, view.camera_to_world)
        self._publish_tf(TFMessage(transforms=[pose]))
        if tick * IMAGE_HZ // TICK_HZ == (tick + 1) * IMAGE_HZ // TICK_HZ:
            return
        self._info.header.stamp = time_message(now)
        self._publish_info(self._info)
        self._publish_color(stamped(view.color, now))
        self._publish_depth(stamped(view.depth, now))
        self.images += 1


def main() -> int:
    """Run the camera."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=10000, help="of the room")
    parser.add_argument("--views", type=int, default=60, help="rendered along the tour of the room")
    parser.add_argument("--hold", type=int, default=5, help="images of each view before the next")
    args = parser.parse_args()

    def work(node: Node, stop: threading.Event) -> dict[str, Any]:
        camera = Camera(node, RoomsRecording(args.seed, args.views, WIDTH, HEIGHT), args.hold)
        start = time.monotonic()
        camera.run(stop)
        hz = camera.images / (time.monotonic() - start)
        return {"images": camera.images, "hz": round(hz, 2), "worst_delay_s": round(camera.worst_delay_s, 3)}

    print(json.dumps(run_until_stopped("soak_camera", work)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
