"""Answers on the topics of the reasoning node."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2
from visualization_msgs.msg import MarkerArray

from mllm_for3d_ros.msg import ReasoningMask
from mllm_for3d_ros.nodes.answers import Answer
from mllm_for3d_ros.nodes.detection_messages import detection_array, vision_msgs
from mllm_for3d_ros.nodes.instance_names import InstanceNames
from mllm_for3d_ros.nodes.instruction_desk import Request
from mllm_for3d_ros.nodes.latched import LatchedWhenHeard
from mllm_for3d_ros.nodes.map_keeper import EncodedMap
from mllm_for3d_ros.nodes.mask_messages import (
    add_mask,
    heatmap_cloud,
    map_header,
    marker_array,
    mask_cloud,
    mask_message,
)
from mllm_for3d_ros.nodes.parameters import qos
from mllm_for3d_ros.types import Instance, Mask3D, Status

KEPT_MASKS = 10
"""Answers that a late subscriber still gets."""
_ACKNOWLEDGED_WITHIN = Duration(seconds=0.25)
_HURRY_S = 5.0  # how long nobody waits again for a subscriber that did not acknowledge


class AnswerOutputs:
    """Publishes each answer as ReasoningMask, and the newest mask as clouds, markers and detections.

    No answer is pushed out of the publisher's memory before its subscribers have it, as a burst of answers would
    do; but for one that does not acknowledge anything within a quarter of a second nobody waits. Safe for threads.
    """

    def __init__(self, node: Node, say: Callable[[str], object]) -> None:
        """Create the publishers of ``node``; ``say`` is told what is not installed."""
        self._lock, self._latched_lock = threading.Lock(), threading.Lock()
        self._names = InstanceNames()
        self._unacknowledged = 0
        self._hurry_until = 0.0
        self._counts: Counter[str] = Counter()
        self._last = ""
        self._mask = node.create_publisher(ReasoningMask, "~/mask", qos("reliable", "transient_local", KEPT_MASKS))
        self._points = LatchedWhenHeard(node, PointCloud2, "~/mask/points")
        self._heatmap = LatchedWhenHeard(node, PointCloud2, "~/mask/heatmap")
        self._markers = LatchedWhenHeard(node, MarkerArray, "~/mask/markers")
        self._latched = [self._points, self._heatmap, self._markers]
        self._vision = vision_msgs()
        if self._vision is None:
            say("vision_msgs is not installed: ~/mask/detections is not published; install it to have Detection3DArray")
        else:
            self._detections = LatchedWhenHeard(node, self._vision.Detection3DArray, "~/mask/detections")
            self._latched.append(self._detections)

    def publish(self, request: Request, answer: Answer, observed: Callable[[Instance], float] = lambda i: 0.0) -> None:
        """Publish an answer; ``observed`` gives the share of an instance's box that was seen."""
        message, ids = mask_message(request, answer), []
        if answer.mask is not None and answer.encoded is not None:
            cloud = answer.encoded.cloud
            with self._lock:
                ids = self._names.name(cloud.epoch, answer.mask.instances)
            add_mask(message, cloud, answer.mask, ids, request.include_points, observed)
        with self._lock:
            self._publish_mask(message)
            self._counts[answer.status.name.lower()] += 1
            self._last = f"{answer.status.name} to {request.text[:60]!r}"
        if request.reply is not None:
            request.reply(message)
        if answer.mask is not None and answer.encoded is not None:
            self._offer(request, answer.encoded, answer.mask, ids)

    def _publish_mask(self, message: Any) -> None:
        if self._unacknowledged >= KEPT_MASKS and time.monotonic() > self._hurry_until:
            if not self._mask.wait_for_all_acked(_ACKNOWLEDGED_WITHIN):
                self._hurry_until = time.monotonic() + _HURRY_S
            self._unacknowledged = 0
        self._unacknowledged += 1
        self._mask.publish(message)

    def _offer(self, request: Request, encoded: EncodedMap, mask: Mask3D, ids: Sequence[int]) -> None:
        cloud, header = encoded.cloud, map_header(encoded)
        with self._latched_lock:
            self._points.offer(partial(mask_cloud, cloud, mask, ids, header))
            self._heatmap.offer(partial(heatmap_cloud, cloud, mask, header))
            self._markers.offer(partial(marker_array, mask.instances, ids, request.text, header))
            if self._vision is not None:
                self._detections.offer(partial(detection_array, self._vision, cloud, mask, ids, header))

    def poll(self) -> None:
        """Publish what waits for subscribers that have come; call it now and then."""
        with self._latched_lock:
            for output in self._latched:
                output.poll()

    def figures(self) -> dict[str, object]:
        """For the diagnostics: answers by status, and the last one."""
        counts = {status.name.lower(): self._counts[status.name.lower()] for status in Status if status != Status.UNSET}
        return counts | {"last_answer": self._last}
