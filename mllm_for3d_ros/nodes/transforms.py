"""Camera poses from /tf and /tf_static (tf2_ros is not among the ROS wheels)."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile
from tf2_msgs.msg import TFMessage

from mllm_for3d_ros.nodes.conversion import NANOSECONDS, stamp_ns
from mllm_for3d_ros.nodes.parameters import LATCHED
from mllm_for3d_ros.recording.tf import TfBuffer, TransformUnavailable

TF_DEPTH = 200
_STATIC = QoSProfile(depth=100, reliability=LATCHED.reliability, durability=LATCHED.durability)


class MovingWindow:
    """A TfBuffer that forgets: it holds at least the last ``window_s`` seconds of the moving transforms.

    Every transform goes into two buffers; when the younger one spans the window it takes the place of
    the elder. Not safe for threads.
    """

    def __init__(self, window_s: float = 30.0) -> None:
        self._window = round(window_s * NANOSECONDS)
        self._static: dict[str, tuple[str, np.ndarray, np.ndarray]] = {}
        self.clear()

    def clear(self) -> None:
        """Forget the moving transforms."""
        self._elder, self._younger = self._fresh(), self._fresh()
        self._first: int | None = None
        self.newest_ns: int | None = None

    def _fresh(self) -> TfBuffer:
        buffer = TfBuffer()
        for child, (parent, translation, quaternion) in self._static.items():
            buffer.add(parent, child, 0, translation, quaternion, static=True)
        return buffer

    def add(self, message: Any, static: bool) -> int:
        """Take the transforms of a TFMessage; returns how many of them made no sense."""
        refused = 0
        for item in message.transforms:
            t, q = item.transform.translation, item.transform.rotation
            translation, quaternion = np.array([t.x, t.y, t.z]), np.array([q.x, q.y, q.z, q.w])
            stamp = stamp_ns(item.header.stamp)
            self._roll(stamp, static)
            parent, child = item.header.frame_id, item.child_frame_id
            added = [b.add(parent, child, stamp, translation, quaternion, static) for b in (self._elder, self._younger)]
            refused += not all(added)
            if static and all(added):
                self._static[child] = parent, translation, quaternion
        return refused

    def _roll(self, stamp: int, static: bool) -> None:
        if static:
            return
        if self.newest_ns is not None and stamp < self.newest_ns - self._window:  # the clock was set back
            self.clear()
        self.newest_ns = max(stamp, self.newest_ns or stamp)
        if self._first is None:
            self._first = stamp
        elif stamp - self._first > self._window:
            self._elder, self._younger, self._first = self._younger, self._fresh(), stamp

    @property
    def frames(self) -> list[str]:
        """Names of all frames."""
        return self._elder.frames

    def lookup(self, target: str, source: str, at_ns: int) -> np.ndarray:
        """See ``TfBuffer.lookup``."""
        return self._elder.lookup(target.lstrip("/"), source.lstrip("/"), at_ns)


class TransformListener:
    """Listens to /tf and /tf_static; look-ups may wait, in a thread other than the node's."""

    def __init__(self, node: Node, window_s: float = 30.0) -> None:
        self._window = MovingWindow(window_s)
        self._changed = threading.Condition()
        self.refused = 0
        node.create_subscription(TFMessage, "/tf", lambda m: self._add(m, False), QoSProfile(depth=TF_DEPTH))
        node.create_subscription(TFMessage, "/tf_static", lambda m: self._add(m, True), _STATIC)

    def _add(self, message: Any, static: bool) -> None:
        with self._changed:
            self.refused += self._window.add(message, static)
            self._changed.notify_all()

    def wait_for(self, target: str, source: str, at_ns: int, timeout_s: float) -> np.ndarray:
        """[4, 4] that maps points of ``source`` to ``target`` at a time, once it is known.

        Raises:
            TransformUnavailable: not known within ``timeout_s``; the text says why, for a person.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                try:
                    return self._window.lookup(target, source, at_ns)
                except TransformUnavailable as error:
                    remaining = deadline - time.monotonic()
                    if remaining <= 0 or "older than the first" in str(error):
                        raise TransformUnavailable(self._explain(target, source, at_ns, error)) from error
                    self._changed.wait(remaining)

    def _explain(self, target: str, source: str, at_ns: int, error: Exception) -> str:
        frames = self._window.frames
        text = f"no pose of {source!r} in {target!r} at the image's stamp: "
        if not frames:
            return text + "nothing on /tf and /tf_static; start what publishes the robot's pose"
        unknown = [frame for frame in (target, source) if frame.lstrip("/") not in frames]
        if unknown:
            return text + (
                f"frame {' and '.join(map(repr, unknown))} is not on /tf, which has {', '.join(frames[:12])}; "
                "set map_frame or camera_frame, or publish the missing transform"
            )
        newest = self._window.newest_ns
        if newest is not None:
            text += f"the stamp is {(at_ns - newest) * 1e-9:+.3f} s from the newest transform; "
        return text + f"{error}; check the clocks, use_sim_time and pose_timeout"
