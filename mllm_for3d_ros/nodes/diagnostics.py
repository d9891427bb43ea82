"""What a node does, on /diagnostics once a second."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from mllm_for3d_ros.nodes.watchdog import steady_timer


class Diagnostics:
    """Publishes figures and problems of a node.

    Args:
        node: names the status.
        figures: called once a second; numbers and texts by name.
        problems: called once a second; lines that make the status a warning.
    """

    def __init__(
        self, node: Node, figures: Callable[[], Mapping[str, object]], problems: Callable[[], Sequence[str]]
    ) -> None:
        self._node, self._figures, self._problems = node, figures, problems
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = steady_timer(node, 1.0, self.publish)

    def publish(self) -> None:
        """Publish now."""
        figures, problems = self._figures(), list(self._problems())
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if problems else DiagnosticStatus.OK,
            name=self._node.get_fully_qualified_name().lstrip("/"),
            message="; ".join(problems) or str(figures.get("state", "running")),
            hardware_id="",
            values=[KeyValue(key=key, value=str(value)) for key, value in figures.items()],
        )
        message = DiagnosticArray(status=[status])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
