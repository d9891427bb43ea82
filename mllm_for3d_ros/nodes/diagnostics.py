"""What a node does, on /diagnostics once a second."""

from __future__ import annotations

import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from mllm_for3d_ros.nodes.timers import steady_timer


@dataclass(frozen=True)
class Part:
    """A status beside the node's own, e.g. that of an input: its figures, and lines that make it a warning."""

    name: str
    figures: Mapping[str, object]
    problems: Sequence[str] = field(default=())


class Diagnostics:
    """Publishes figures and problems of a node, and of its parts as "NODE: PART".

    Args:
        node: names the status.
        figures: called once a second; numbers and texts by name. "state" is the message if there is no problem.
        problems: called once a second; lines that make the status a warning.
        parts: called once a second.
    """

    def __init__(
        self,
        node: Node,
        figures: Callable[[], Mapping[str, object]],
        problems: Callable[[], Sequence[str]],
        parts: Callable[[], Sequence[Part]] = lambda: (),
    ) -> None:
        self._node, self._figures, self._problems, self._parts = node, figures, problems, parts
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._timer = steady_timer(node, 1.0, self.publish)

    def publish(self) -> None:
        """Publish now."""
        name = self._node.get_fully_qualified_name().lstrip("/")
        own = Part(name, self._figures(), list(self._problems()))
        parts = [Part(f"{name}: {part.name}", part.figures, part.problems) for part in self._parts()]
        message = DiagnosticArray(status=[_status(part) for part in (own, *parts)])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


def _status(part: Part) -> DiagnosticStatus:
    return DiagnosticStatus(
        level=DiagnosticStatus.WARN if part.problems else DiagnosticStatus.OK,
        name=part.name,
        message="; ".join(part.problems) or str(part.figures.get("state", "running")),
        values=[KeyValue(key=key, value=str(value)) for key, value in part.figures.items()],
    )


def memory_mib() -> float:
    """Memory that this process has in RAM, MiB."""
    resident_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return resident_pages * resource.getpagesize() / 2**20
