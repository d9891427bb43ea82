"""Camera poses from /tf and /tf_static, PoseStamped or Odometry: with tf2 where a ROS distribution has it, or alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.time import Time
from tf2_msgs.msg import TFMessage

from mllm_for3d_ros.nodes.conversion import NANOSECONDS, stamp_ns
from mllm_for3d_ros.nodes.parameters import LATCHED
from mllm_for3d_ros.nodes.ros_parts import find_part
from mllm_for3d_ros.recording.tf import TfBuffer, TransformUnavailable
from mllm_for3d_ros.recording.transforms import make_transform

TF_DEPTH = 200
_STATIC = QoSProfile(depth=100, reliability=LATCHED.reliability, durability=LATCHED.durability)
_WINDOW_S = 30.0
_SET_BACK_NS = NANOSECONDS  # a transform this much older than one of its frame: the clock was set back
_LEAST_QUATERNION = 1e-6
_GONE = "older than the first"


class TransformStore(Protocol):
    """The transforms of the last half minute; not safe for threads."""

    def add(self, transform: TransformStamped, static: bool) -> bool:
        """Take a transform; False if it makes no sense."""

    def lookup(self, target: str, source: str, at_ns: int) -> np.ndarray:
        """[4, 4] that maps points of ``source`` to ``target`` at a time.

        Raises:
            TransformUnavailable: not known (yet).
        """

    def clear(self) -> None:
        """Forget the moving transforms."""

    @property
    def frames(self) -> list[str]:
        """Names of all frames."""


class MovingWindow:
    """A TransformStore of our own, on TfBuffers that forget.

    Every transform goes into two buffers; when the younger one spans the window it takes the place of the elder.
    """

    def __init__(self, window_s: float = _WINDOW_S) -> None:
        self._window = round(window_s * NANOSECONDS)
        self._static: dict[str, tuple[str, np.ndarray, np.ndarray]] = {}
        self.clear()

    def clear(self) -> None:
        """See ``TransformStore``."""
        self._elder, self._younger = self._fresh(), self._fresh()
        self._first: int | None = None

    def _fresh(self) -> TfBuffer:
        buffer = TfBuffer()
        for child, (parent, translation, quaternion) in self._static.items():
            buffer.add(parent, child, 0, translation, quaternion, static=True)
        return buffer

    def add(self, transform: TransformStamped, static: bool) -> bool:
        """See ``TransformStore``."""
        t, q = transform.transform.translation, transform.transform.rotation
        translation, quaternion = np.array([t.x, t.y, t.z]), np.array([q.x, q.y, q.z, q.w])
        stamp = stamp_ns(transform.header.stamp)
        if not static:
            self._roll(stamp)
        parent, child = transform.header.frame_id, transform.child_frame_id
        added = [b.add(parent, child, stamp, translation, quaternion, static) for b in (self._elder, self._younger)]
        if static and all(added):
            self._static[child] = parent, translation, quaternion
        return all(added)

    def _roll(self, stamp: int) -> None:
        if self._first is None:
            self._first = stamp
        elif stamp - self._first > self._window:
            self._elder, self._younger, self._first = self._younger, self._fresh(), stamp

    @property
    def frames(self) -> list[str]:
        """See ``TransformStore``."""
        return self._elder.frames

    def lookup(self, target: str, source: str, at_ns: int) -> np.ndarray:
        """See ``TransformStore``."""
        return self._elder.lookup(target.lstrip("/"), source.lstrip("/"), at_ns)


class Tf2Store:
    """A TransformStore on tf2's buffer.

    Args:
        tf2_ros: the module.
    """

    def __init__(self, tf2_ros: ModuleType) -> None:
        self._module = tf2_ros
        self._buffer = tf2_ros.Buffer(cache_time=Duration(seconds=_WINDOW_S))
        self.frames: list[str] = []

    def add(self, transform: TransformStamped, static: bool) -> bool:
        """See ``TransformStore``."""
        t, q = transform.transform.translation, transform.transform.rotation
        length = np.linalg.norm([q.x, q.y, q.z, q.w])
        if not np.isfinite([t.x, t.y, t.z, length]).all() or length < _LEAST_QUATERNION:
            return False  # tf2 would say so to stderr, once for each message
        take = self._buffer.set_transform_static if static else self._buffer.set_transform
        take(transform, "mllm_for3d_ros")
        for frame in (transform.header.frame_id.lstrip("/"), transform.child_frame_id.lstrip("/")):
            if frame not in self.frames:
                self.frames = sorted([*self.frames, frame])
        return True

    def lookup(self, target: str, source: str, at_ns: int) -> np.ndarray:
        """See ``TransformStore``."""
        try:
            found = self._buffer.lookup_transform_core(target.lstrip("/"), source.lstrip("/"), Time(nanoseconds=at_ns))
        except self._module.TransformException as error:
            text = str(error)
            raise TransformUnavailable(f"image {_GONE} pose" if "into the past" in text else text) from error
        t, q = found.transform.translation, found.transform.rotation
        return make_transform(np.array([t.x, t.y, t.z]), np.array([q.x, q.y, q.z, q.w]))

    def clear(self) -> None:
        """See ``TransformStore``."""
        self._buffer.clear()


def make_store(say: Callable[[str], object]) -> TransformStore:
    """The store of this machine; ``say`` is told of a tf2_ros that is there but broken."""
    module = find_part("tf2_ros", say)
    return MovingWindow() if module is None else Tf2Store(module)


class Transforms:
    """Takes transforms as they come; look-ups may wait for them, in another thread.

    set_back: how often the clock was set back, at which all moving transforms are forgotten. refused:
    transforms that made no sense.
    """

    def __init__(self, store: TransformStore) -> None:
        self._store = store
        self._changed = threading.Condition()
        self._newest: dict[str, int] = {}
        self._closed = False
        self.refused = 0
        self.set_back = 0

    def take(self, message: Any, static: bool) -> None:
        """Take a TFMessage."""
        with self._changed:
            for transform in message.transforms:
                self._take(transform, static)
            self._changed.notify_all()

    def take_pose(self, header: Any, pose: Any, child: str) -> None:
        """Take the pose of a frame, as of a PoseStamped or Odometry."""
        transform = TransformStamped(header=header, child_frame_id=child)
        p = pose.position
        transform.transform.translation.x, transform.transform.translation.y = p.x, p.y
        transform.transform.translation.z, transform.transform.rotation = p.z, pose.orientation
        with self._changed:
            self._take(transform, static=False)
            self._changed.notify_all()

    def _take(self, transform: TransformStamped, static: bool) -> None:
        stamp, child = stamp_ns(transform.header.stamp), transform.child_frame_id
        if not static:
            if stamp < self._newest.get(child, stamp) - _SET_BACK_NS:
                self._store.clear()
                self._newest.clear()
                self.set_back += 1
            self._newest[child] = max(stamp, self._newest.get(child, stamp))
        self.refused += not self._store.add(transform, static)

    def lookup(self, target: str, source: str, at_ns: int) -> np.ndarray:
        """See ``TransformStore.lookup``."""
        with self._changed:
            return self._store.lookup(target, source, at_ns)

    def wait_for(self, target: str, source: str, at_ns: int, timeout_s: float, grace_ns: int = 0) -> np.ndarray:
        """[4, 4] that maps points of ``source`` to ``target`` at a time, once it is known.

        Args:
            target: frame.
            source: frame.
            at_ns: time.
            timeout_s: how long to wait; 0 or less does not.
            grace_ns: a time that is this little before what was heard is taken for the first that is known: for who
                began to listen when asked.

        Raises:
            TransformUnavailable: not known by then, or too old to be known ever; the text says why, for a person.
        """
        deadline, moment = time.monotonic() + timeout_s, at_ns
        with self._changed:
            while True:
                try:
                    return self._store.lookup(target, source, moment)
                except TransformUnavailable as error:
                    newest = max(self._newest.values(), default=moment)
                    if _GONE in str(error) and moment < newest <= at_ns + grace_ns:
                        moment = newest
                        continue
                    remaining = deadline - time.monotonic()
                    if remaining <= 0 or self._closed or _GONE in str(error):
                        raise TransformUnavailable(self._explain(target, source, at_ns, error)) from error
                    self._changed.wait(remaining)

    def close(self) -> None:
        """End all waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _explain(self, target: str, source: str, at_ns: int, error: Exception) -> str:
        frames = self._store.frames
        text = f"no pose of {source!r} in {target!r} at the image's stamp: "
        if not frames:
            return text + "nothing on /tf and /tf_static; start what publishes the robot's pose"
        unknown = [frame for frame in (target, source) if frame.lstrip("/") not in frames]
        if unknown:
            return text + (
                f"frame {' and '.join(map(repr, unknown))} is not on /tf, which has {', '.join(frames[:12])}; "
                "set map_frame or camera_frame, or publish the missing transform"
            )
        if self._newest:
            text += f"the stamp is {(at_ns - max(self._newest.values())) * 1e-9:+.3f} s from the newest transform; "
        return text + f"{error}; check the clocks, use_sim_time and pose_timeout"


class TransformListener(Transforms):
    """Transforms that come on /tf and /tf_static.

    Args:
        node: that listens.
        subscribe: called in place of the node's ``create_subscription``.
    """

    def __init__(self, node: Node, subscribe: Callable[..., object] | None = None) -> None:
        super().__init__(make_store(node.get_logger().warning))
        subscribe = subscribe or node.create_subscription
        subscribe(TFMessage, "/tf", lambda message: self.take(message, static=False), QoSProfile(depth=TF_DEPTH))
        subscribe(TFMessage, "/tf_static", lambda message: self.take(message, static=True), _STATIC)
