"""A publisher that makes its message only when somebody listens, and then always has the newest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile

from mllm_for3d_ros.nodes.parameters import LATCHED


class LatchedWhenHeard:
    """Keeps the recipe of the newest message and publishes it once there is a subscription.

    Late subscribers get the newest message too: from transient-local QoS if it was published, from
    ``poll`` otherwise. Call all methods from one thread, or under one lock.
    """

    def __init__(self, node: Node, message_type: Any, name: str, qos: QoSProfile = LATCHED) -> None:
        self._publisher = node.create_publisher(message_type, name, qos)
        self._pending: Callable[[], Any] | None = None

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return self._publisher.get_subscription_count() > 0

    def offer(self, make: Callable[[], Any]) -> None:
        """Make ``make()`` the newest message; it is called when somebody listens, maybe at once."""
        self._pending = make
        self.poll()

    def poll(self) -> None:
        """Publish what waits, if somebody listens by now."""
        if self._pending is not None and self.heard:
            make, self._pending = self._pending, None
            self._publisher.publish(make())
