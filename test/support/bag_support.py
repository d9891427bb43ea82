"""Bags of any content, for tests of what readers make of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
SECOND = 1_000_000_000


def make(msgtype: str, *fields: Any) -> Any:
    return STORE.types[msgtype](*fields)


def header(stamp: int, frame_id: str = "camera") -> Any:
    return make("std_msgs/msg/Header", make("builtin_interfaces/msg/Time", *divmod(stamp, SECOND)), frame_id)


def image(stamp: int, encoding: str, pixels: np.ndarray, frame_id: str = "camera", big_endian: int = 0) -> Any:
    data = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
    height, width = pixels.shape[:2]
    step = len(data) // height
    return make("sensor_msgs/msg/Image", header(stamp, frame_id), height, width, encoding, big_endian, step, data)


def compressed(stamp: int, form: str, data: bytes) -> Any:
    return make("sensor_msgs/msg/CompressedImage", header(stamp), form, np.frombuffer(data, dtype=np.uint8))


def camera_info(stamp: int, width: int = 8, height: int = 6, focal: float = 10.0) -> Any:
    k = np.array([focal, 0, 4, 0, focal, 3, 0, 0, 1.0])
    region = make("sensor_msgs/msg/RegionOfInterest", 0, 0, 0, 0, False)
    return make(
        "sensor_msgs/msg/CameraInfo", header(stamp), height, width, "plumb_bob", np.zeros(5), k,
        np.eye(3).ravel(), np.zeros(12), 0, 0, region,
    )  # fmt: skip


def _pose(x: float) -> Any:
    return make(
        "geometry_msgs/msg/Pose",
        make("geometry_msgs/msg/Point", float(x), 0.0, 0.0),
        make("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 1.0),
    )


def pose_stamped(stamp: int, x: float, frame_id: str = "map") -> Any:
    return make("geometry_msgs/msg/PoseStamped", header(stamp, frame_id), _pose(x))


def odometry(stamp: int, x: float, frame_id: str = "odom", child: str = "base_link") -> Any:
    zero = make("geometry_msgs/msg/Vector3", 0.0, 0.0, 0.0)
    pose = make("geometry_msgs/msg/PoseWithCovariance", _pose(x), np.zeros(36))
    twist = make("geometry_msgs/msg/TwistWithCovariance", make("geometry_msgs/msg/Twist", zero, zero), np.zeros(36))
    return make("nav_msgs/msg/Odometry", header(stamp, frame_id), child, pose, twist)


def tf(stamp: int, x: float, parent: str = "map", child: str = "camera") -> Any:
    transform = make(
        "geometry_msgs/msg/Transform",
        make("geometry_msgs/msg/Vector3", float(x), 0.0, 0.0),
        make("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 1.0),
    )
    stamped = make("geometry_msgs/msg/TransformStamped", header(stamp, parent), child, transform)
    return make("tf2_msgs/msg/TFMessage", [stamped])


def ros1(store: Any, message: Any) -> Any:
    """A message of ROS 2 as that of ROS 1: headers have a number, camera matrices are capitals."""
    kind = getattr(message, "__msgtype__", None)
    if isinstance(message, list):
        return [ros1(store, item) for item in message]
    if kind is None:
        return message
    values = {name: ros1(store, getattr(message, name)) for name in message.__dataclass_fields__ if name[0] != "_"}
    if kind == "std_msgs/msg/Header":
        values["seq"] = 0
    made = store.types[kind]
    wanted = [name for name in made.__dataclass_fields__ if name[0] != "_"]
    return made(*(values[name] if name in values else values[name.lower()] for name in wanted))


Messages = list[tuple[str, int, Any]]


def camera_messages(stamps: list[int], depth_mm: int = 1500) -> Messages:
    """Colour, depth and camera of an 8x6 camera at each stamp."""
    messages: Messages = []
    for n, stamp in enumerate(stamps):
        messages += [
            ("/cam/camera_info", stamp, camera_info(stamp)),
            ("/cam/color", stamp, image(stamp, "rgb8", np.full((6, 8, 3), n, np.uint8))),
            ("/cam/depth", stamp, image(stamp, "16UC1", np.full((6, 8), depth_mm, np.uint16))),
        ]
    return messages


def save_bag(
    path: Path, messages: Messages, storage: str = "mcap", compression: CompressionMode = CompressionMode.NONE
) -> Path:
    """Write (topic, log time in ns, message) rows; also topics without messages, given as (topic, -1, type)."""
    plugin = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}[storage]
    bag = Writer(path, version=9, storage_plugin=plugin)
    bag.set_compression(compression, CompressionFormat.ZSTD)
    with bag as writer:
        connections: dict[str, Any] = {}
        for topic, stamp, message in messages:
            msgtype = message if stamp < 0 else message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, msgtype, typestore=STORE)
            if stamp >= 0:
                writer.write(connections[topic], stamp, STORE.serialize_cdr(message, msgtype))
    return path
