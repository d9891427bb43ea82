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
from mllm_for3d_ros.nodes.speaker import describe
from mllm_for3d_ros.types import Instance, Mask3D, Status

KEPT_MASKS = 10
"""Answers that a late subscriber still gets."""
_ACKNOWLEDGED_WITHIN = Duration(seconds=0.25)
_HURRY_S = 5.0  # how long nobody waits again for a subscriber that did not acknowledge


class AnswerOutputs:
    """Publishes each answer as ReasoningMask, and the newest mask as clouds, markers and detections.

    An instruction has one answer: what goes wrong with the other topics once that is published is said, and no more.
    No answer is pushed out of the publisher's memory before its subscribers have it, as a burst of answers would
    do; but for one that does not acknowledge anything within a quarter of a second nobody waits. Safe for threads.
    """

    def __init__(self, node: Node, say: Callable[[str], object], complain: Callable[[str, str], object]) -> None:
        """Create the publishers of ``node``.

        Args:
            node: that publishes.
            say: told what is not installed.
            complain: told the name and the line of what goes wrong; see ``Speaker.warn``.
        """
        self._complain = complain
        self._lock, self._latched_lock = threading.Lock(), threading.Lock()
        self._names = InstanceNames()
        self._unacknowledged = 0
        self._hurry_until = 0.0
        self._counts: Counter[str] = Counter()
        self._last = ""
        self._mask = node.create_publisher(ReasoningMask, "~/mask", qos("reliable", "transient_local", KEPT_MASKS))
        kinds = {"~/mask/points": PointCloud2, "~/mask/heatmap": PointCloud2, "~/mask/markers": MarkerArray}
        self._vision = vision_msgs()
        if self._vision is None:
            say("vision_msgs is not installed: ~/mask/detections is not published; install it to have Detection3DArray")
        else:
            kinds["~/mask/detections"] = self._vision.Detection3DArray
        self._latched = {topic: LatchedWhenHeard(node, kind, topic) for topic, kind in kinds.items()}

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
            self._attempt("the response of ~/segment", partial(request.reply, message))
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
        made: dict[str, Callable[[], Any]] = {
            "~/mask/points": partial(mask_cloud, cloud, mask, ids, header),
            "~/mask/heatmap": partial(heatmap_cloud, cloud, mask, header),
            "~/mask/markers": partial(marker_array, mask.instances, ids, request.text, header),
        }
        if self._vision is not None:
            made["~/mask/detections"] = partial(detection_array, self._vision, cloud, mask, ids, header)
        with self._latched_lock:
            for topic, make in made.items():
                self._attempt(topic, partial(self._latched[topic].offer, make))

    def poll(self) -> None:
        """Publish what waits for subscribers that have come; call it now and then."""
        with self._latched_lock:
            for topic, output in self._latched.items():
                self._attempt(topic, output.poll)

    def _attempt(self, what: str, send: Callable[[], object]) -> None:
        try:
            send()
        except Exception as error:  # the answer is published: neither it nor the others suffer
            self._complain(what, f"{what} could not be sent: {describe(error)}")

    def figures(self) -> dict[str, object]:
        """For the diagnostics: answers by status, and the last one."""
        counts = {status.name.lower(): self._counts[status.name.lower()] for status in Status if status != Status.UNSET}
        return counts | {"last_answer": self._last}
