"""Where the camera pose of a bag comes from: /tf, or a pose topic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.tf import TfBuffer
from mllm_for3d_ros.recording.topics import Topic, TopicNames, listing

PREFERRED_MAP_FRAME = "map"


def stamp_of(header: Any) -> int:
    """Stamp in ns of a message header of ROS 1 or 2."""
    stamp = header.stamp
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def _vector(v: Any) -> np.ndarray:
    return np.array([v.x, v.y, v.z], dtype=np.float64)


def _quaternion(q: Any) -> np.ndarray:
    return np.array([q.x, q.y, q.z, q.w], dtype=np.float64)


class PoseSource:
    """All poses of a bag. Give it every message, ``settle`` the frames, then look poses up.

    Args:
        topic: the pose topic, or None.
        explicit: the user named the topic, so it goes before /tf.
    """

    def __init__(self, topic: Topic | None, explicit: bool = False) -> None:
        self._buffer = TfBuffer()
        self._topic = topic
        self._explicit = explicit
        self._poses: list[tuple[str, str, int, np.ndarray, np.ndarray]] = []
        self.lookup = self._buffer.lookup

    def add_tf(self, message: Any, static: bool) -> None:
        """Take all transforms of a TFMessage."""
        for item in message.transforms:
            pose = item.transform
            self._buffer.add(
                item.header.frame_id,
                item.child_frame_id,
                stamp_of(item.header),
                _vector(pose.translation),
                _quaternion(pose.rotation),
                static,
            )

    def add_pose(self, message: Any, msgtype: str) -> None:
        """Take a PoseStamped (pose of the camera, as it names no child frame) or an Odometry."""
        odometry = msgtype.endswith("Odometry")
        pose = message.pose.pose if odometry else message.pose
        child = message.child_frame_id if odometry else ""
        place, turn = _vector(pose.position), _quaternion(pose.orientation)
        self._poses.append((message.header.frame_id, child, stamp_of(message.header), place, turn))

    def settle(self, camera_frame: str, names: TopicNames, topics: Sequence[Topic]) -> tuple[str, str]:
        """Decide between /tf and the pose topic, and on the map frame.

        Returns:
            The map frame, and the name of the pose source for people.

        Raises:
            RecordingError: nothing says where the camera is, or the named map frame is not above it.
        """
        root = self._root(camera_frame, names.map_frame)
        moving = root is not None and self._buffer.is_moving(camera_frame, root)
        if self._poses and self._topic is not None and (self._explicit or not moving):
            self._use_topic(camera_frame)
            return self._require_root(camera_frame, names.map_frame), self._topic.name
        if not self._buffer.frames:
            raise RecordingError(
                f"no pose in the bag: record /tf and /tf_static, or a PoseStamped or Odometry topic; "
                f"it has {listing(topics)}"
            )
        return self._require_root(camera_frame, names.map_frame), "/tf"

    def _use_topic(self, camera_frame: str) -> None:
        """Put the poses of the topic into the tree, in place of what /tf said of that frame."""
        children = {child or camera_frame for _, child, *_ in self._poses}
        for child in children:
            self._buffer.forget(child)
        for parent, child, stamp, translation, quaternion in self._poses:
            self._buffer.add(parent or PREFERRED_MAP_FRAME, child or camera_frame, stamp, translation, quaternion)

    def _root(self, camera_frame: str, map_frame: str | None) -> str | None:
        chain = self._buffer.ancestors(camera_frame)[1:]
        if map_frame:
            wanted = map_frame.lstrip("/")
            return wanted if wanted in self._buffer.frames else None
        if PREFERRED_MAP_FRAME in chain:
            return PREFERRED_MAP_FRAME
        return chain[-1] if chain else None

    def _require_root(self, camera_frame: str, map_frame: str | None) -> str:
        root = self._root(camera_frame, map_frame)
        if root is not None:
            return root
        known = ", ".join(self._buffer.frames[:12]) or "none"
        if map_frame:
            raise RecordingError(f"map frame {map_frame!r} is not in the bag (map_frame); its frames are {known}")
        raise RecordingError(
            f"no pose of camera frame {camera_frame!r} in the bag: name the frame with camera_frame or a topic with "
            f"pose_topic; frames of /tf are {known}"
        )
