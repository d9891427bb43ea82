"""Writes posed RGB-D frames as a rosbag2 that a robot's camera driver could have recorded."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.transforms import invert, matrix_to_quaternion
from mllm_for3d_ros.types import Frame, Intrinsics

COLOR_TOPIC = "/camera/color/image_raw"
DEPTH_TOPIC = "/camera/depth/image_raw"
INFO_TOPICS = ("/camera/color/camera_info", "/camera/depth/camera_info")
MAP_FRAME = "map"
BASE_FRAME = "base_link"
CAMERA_FRAME = "camera_color_optical_frame"

_STORAGE = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
_AFTER_LAST_NS = 1_000_000

BASE_TO_CAMERA = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""Pose of the optical frame (x right, y down, z forward) in base_link (x forward, z up), REP-103."""


def _qos(latched: bool, depth: int) -> list[Qos]:
    """Reliable; transient local if latched."""
    forever = QosTime(9223372036, 854775807)
    durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
    return [
        Qos(
            QosHistory.KEEP_LAST,
            depth,
            QosReliability.RELIABLE,
            durability,
            forever,
            forever,
            QosLiveliness.AUTOMATIC,
            forever,
            False,
        )
    ]


def depth_to_millimetres(depth: np.ndarray) -> np.ndarray:
    """[H, W] uint16 of float32 metres, rounded; 0 where invalid or beyond 65.535 m."""
    millimetres = np.rint(depth.astype(np.float64) * 1000)
    millimetres[~((millimetres > 0) & (millimetres <= 65535))] = 0
    return millimetres.astype(np.uint16)


class _FrameWriter:
    """Turns frames into messages of an open rosbag2 writer."""

    def __init__(self, writer: Writer, map_frame: str, base_frame: str, camera_frame: str) -> None:
        self._store = get_typestore(Stores.ROS2_JAZZY)
        self._writer = writer
        self._frames = map_frame, base_frame, camera_frame
        self._connections = {
            topic: writer.add_connection(topic, msgtype, typestore=self._store, offered_qos_profiles=qos)
            for topic, msgtype, qos in (
                ("/tf_static", "tf2_msgs/msg/TFMessage", _qos(True, 1)),
                ("/tf", "tf2_msgs/msg/TFMessage", _qos(False, 100)),
                *((topic, "sensor_msgs/msg/CameraInfo", _qos(False, 10)) for topic in INFO_TOPICS),
                (COLOR_TOPIC, "sensor_msgs/msg/Image", _qos(False, 10)),
                (DEPTH_TOPIC, "sensor_msgs/msg/Image", _qos(False, 10)),
            )
        }

    def _make(self, msgtype: str, *fields: Any) -> Any:
        return self._store.types[msgtype](*fields)

    def _write(self, topic: str, stamp_ns: int, message: Any) -> None:
        raw = self._store.serialize_cdr(message, message.__msgtype__)
        self._writer.write(self._connections[topic], stamp_ns, raw)

    def _header(self, stamp_ns: int, frame_id: str) -> Any:
        time = self._make("builtin_interfaces/msg/Time", *divmod(stamp_ns, 1_000_000_000))
        return self._make("std_msgs/msg/Header", time, frame_id)

    def transform(self, topic: str, stamp_ns: int, parent: str, child: str, matrix: np.ndarray) -> None:
        """Write one transform [4, 4] as a TFMessage."""
        transform = self._make(
            "geometry_msgs/msg/Transform",
            self._make("geometry_msgs/msg/Vector3", *map(float, matrix[:3, 3])),
            self._make("geometry_msgs/msg/Quaternion", *map(float, matrix_to_quaternion(matrix[:3, :3]))),
        )
        header = self._header(stamp_ns, parent)
        stamped = self._make("geometry_msgs/msg/TransformStamped", header, child, transform)
        self._write(topic, stamp_ns, self._make("tf2_msgs/msg/TFMessage", [stamped]))

    def mount(self, stamp_ns: int) -> None:
        """Write how the camera sits on the robot."""
        _, base, camera = self._frames
        self.transform("/tf_static", stamp_ns, base, camera, BASE_TO_CAMERA)

    def pose(self, stamp_ns: int, camera_to_world: np.ndarray) -> None:
        """Write where the robot is."""
        world, base, _ = self._frames
        self.transform("/tf", stamp_ns, world, base, camera_to_world @ invert(BASE_TO_CAMERA))

    def frame(self, frame: Frame) -> None:
        """Write pose, camera and both images of a frame, all with its stamp."""
        self.pose(frame.stamp_ns, frame.camera_to_world)
        header = self._header(frame.stamp_ns, self._frames[2])
        for topic in INFO_TOPICS:
            self._write(topic, frame.stamp_ns, self._camera_info(header, frame.intrinsics))
        self._image(COLOR_TOPIC, header, frame.stamp_ns, "rgb8", frame.color)
        self._image(DEPTH_TOPIC, header, frame.stamp_ns, "16UC1", depth_to_millimetres(frame.depth))

    def _camera_info(self, header: Any, camera: Intrinsics) -> Any:
        projection = np.hstack([camera.matrix, np.zeros((3, 1))])
        region = self._make("sensor_msgs/msg/RegionOfInterest", 0, 0, 0, 0, False)
        return self._make(
            "sensor_msgs/msg/CameraInfo", header, camera.height, camera.width, "plumb_bob", np.zeros(5),
            camera.matrix.ravel(), np.eye(3).ravel(), projection.ravel(), 0, 0, region,
        )  # fmt: skip

    def _image(self, topic: str, header: Any, stamp_ns: int, encoding: str, pixels: np.ndarray) -> None:
        height, width = pixels.shape[:2]
        data = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
        message = self._make("sensor_msgs/msg/Image", header, height, width, encoding, 0, len(data) // height, data)
        self._write(topic, stamp_ns, message)


def write_bag(
    frames: Iterable[Frame],
    path: str | Path,
    storage: str = "mcap",
    *,
    map_frame: str = MAP_FRAME,
    base_frame: str = BASE_FRAME,
    camera_frame: str = CAMERA_FRAME,
) -> int:
    """Write frames as a rosbag2 folder (version 9: Jazzy and later).

    Topics: /camera/color/image_raw rgb8, /camera/depth/image_raw 16UC1, camera_info beside each, /tf (map to
    base_link, at every image stamp and once shortly after the last), latched /tf_static (base_link to the optical
    frame). Depth is rounded to millimetres. The folder appears only when it is complete.

    Args:
        frames: views by rising stamp.
        path: folder to make; must not exist.
        storage: "mcap" or "sqlite3".
        map_frame: name of the fixed frame in /tf.
        base_frame: name of the robot in /tf.
        camera_frame: name of the optical frame in /tf_static and in the headers.

    Returns:
        The number of frames written.

    Raises:
        RecordingError: the path exists, the storage is unknown, or there are no frames.
    """
    path = Path(path)
    if storage not in _STORAGE:
        raise RecordingError(f"unknown bag storage {storage!r}: use {' or '.join(_STORAGE)}")
    if path.exists():
        raise RecordingError(f"{path} exists already: remove it or choose another path for the bag")
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    count = 0
    try:
        with Writer(partial / path.name, version=9, storage_plugin=_STORAGE[storage]) as writer:
            output = _FrameWriter(writer, map_frame, base_frame, camera_frame)
            last: Frame | None = None
            for last in frames:
                if not count:
                    output.mount(last.stamp_ns)
                output.frame(last)
                count += 1
            if last is None:
                raise RecordingError(f"no frames to write to {path}: the recording is empty")
            output.pose(last.stamp_ns + _AFTER_LAST_NS, last.camera_to_world)
        (partial / path.name).rename(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return count
