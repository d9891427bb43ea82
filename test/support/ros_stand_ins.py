"""Stand-ins for parts of a ROS distribution, with the interface of the real ones as far as we use it."""

from __future__ import annotations

import itertools
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped

from mllm_for3d_ros.nodes.conversion import stamp_ns, time_message
from mllm_for3d_ros.recording.tf import TfBuffer, TransformUnavailable
from mllm_for3d_ros.recording.transforms import matrix_to_quaternion


class SimpleFilter:
    def __init__(self) -> None:
        self.callbacks: list[Any] = []

    def registerCallback(self, callback: Any, *arguments: Any) -> None:
        self.callbacks.append((callback, arguments))

    def signalMessage(self, *messages: Any) -> None:
        for callback, arguments in self.callbacks:
            callback(*messages, *arguments)


class ApproximateTimeSynchronizer(SimpleFilter):
    def __init__(self, filters: list[SimpleFilter], queue_size: int, slop: float) -> None:
        super().__init__()
        self.queue_size, self.slop_ns = queue_size, round(slop * 1e9)
        self.queues: list[dict[int, Any]] = [{} for _ in filters]
        for one, queue in zip(filters, self.queues, strict=True):
            one.registerCallback(self.add, queue)

    def add(self, message: Any, queue: dict[int, Any]) -> None:
        queue[stamp_ns(message.header.stamp)] = message
        while len(queue) > self.queue_size:
            del queue[min(queue)]
        for stamps in sorted(itertools.product(*self.queues), key=lambda s: max(s) - min(s)):
            if max(stamps) - min(stamps) < self.slop_ns:
                messages = [q.pop(s) for q, s in zip(self.queues, stamps, strict=True)]
                return self.signalMessage(*messages)
        return None


class TransformException(Exception):
    pass


class Buffer:
    def __init__(self, cache_time: Any) -> None:
        self.cache_ns = cache_time.nanoseconds
        self._static: list[TransformStamped] = []
        self.clear()

    def clear(self) -> None:
        self._buffer = TfBuffer()
        for transform in self._static:
            self.set_transform_static(transform, "")

    def _set(self, transform: TransformStamped, static: bool) -> None:
        t, q = transform.transform.translation, transform.transform.rotation
        stamp, frames = stamp_ns(transform.header.stamp), (transform.header.frame_id, transform.child_frame_id)
        self._buffer.add(*frames, stamp, np.array([t.x, t.y, t.z]), np.array([q.x, q.y, q.z, q.w]), static)

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        self._set(transform, static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        if transform not in self._static:
            self._static.append(transform)
        self._set(transform, static=True)

    def lookup_transform_core(self, target: str, source: str, time: Any) -> TransformStamped:
        try:
            pose = self._buffer.lookup(target, source, time.nanoseconds)
        except TransformUnavailable as error:
            past = "Lookup would require extrapolation into the past"
            raise TransformException(past if "older" in str(error) else str(error)) from error
        found = TransformStamped(child_frame_id=source)
        found.header.frame_id, found.header.stamp = target, time_message(time.nanoseconds)
        t, q = found.transform.translation, found.transform.rotation
        t.x, t.y, t.z = pose[:3, 3].tolist()
        q.x, q.y, q.z, q.w = matrix_to_quaternion(pose[:3, :3]).tolist()
        return found


class CvBridge:
    def imgmsg_to_cv2(self, message: Any, desired_encoding: str) -> np.ndarray:
        assert desired_encoding == "rgb8"
        if message.encoding != "bayer_rggb8":
            raise RuntimeError(f"[{message.encoding}] is not a color format")
        grey = np.frombuffer(message.data, np.uint8).reshape(message.height, message.step)[:, : message.width]
        return np.repeat(grey[:, :, None], 3, axis=2)


def install(monkeypatch: pytest.MonkeyPatch, name: str, *members: type) -> ModuleType:
    """Put a module with these members where ``import name`` finds it."""
    module = ModuleType(name)
    for member in members:
        setattr(module, member.__name__, member)
    monkeypatch.setitem(sys.modules, name, module)
    return module


def hide(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let ``import name`` fail as if it were not installed, wherever the tests run."""
    monkeypatch.setitem(sys.modules, name, None)
