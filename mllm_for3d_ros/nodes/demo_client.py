"""A client of the nodes, as a planner would write it: asks, waits, reads the map and the diagnostics."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import PointCloud2

from mllm_for3d_ros.msg import Instruction, ReasoningMask
from mllm_for3d_ros.nodes.conversion import cloud_columns, duration_message, stamp_ns
from mllm_for3d_ros.nodes.parameters import LATCHED, qos
from mllm_for3d_ros.nodes.processes import NodeFailed
from mllm_for3d_ros.scene.map_cloud import CloudIdentity, scene_cloud
from mllm_for3d_ros.types import SceneCloud

REASONING, MAPPING = "reasoning_node", "mapping_node"


@dataclass(frozen=True)
class Reply:
    """A mask message, and the milliseconds from sending the instruction to having it."""

    message: ReasoningMask
    latency_ms: float

    @property
    def points(self) -> np.ndarray:
        """[M, 3] float32 m: the points of all instances."""
        parts = [_xyz(instance.points) for instance in self.message.instances]
        return np.concatenate([np.empty((0, 3), np.float32), *parts])

    @property
    def scores(self) -> np.ndarray:
        """[M] float32 probability of those points."""
        parts = [cloud_columns(i.points).get("score", np.empty(0, np.float32)) for i in self.message.instances]
        return np.concatenate([np.empty(0, np.float32), *parts])


def _xyz(cloud: PointCloud2) -> np.ndarray:
    columns = cloud_columns(cloud)
    return np.stack([columns[axis] for axis in "xyz"], axis=1) if columns else np.empty((0, 3), np.float32)


class DemoClient:
    """A node of its own ROS context; use it in a ``with`` block.

    Args:
        check: called while waiting; raises if there is nothing left to wait for.
        namespace: of the two nodes.
    """

    def __init__(self, check: Callable[[], None] = lambda: None, namespace: str = "") -> None:
        self._check = check
        self._prefix = f"{namespace}/" if namespace else ""
        self._context = Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = rclpy.create_node("demo_client", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self.figures: dict[str, dict[str, str]] = {}
        self._masks: list[ReasoningMask] = []
        self._asked = 0
        self._instructions = self._node.create_publisher(
            Instruction, f"{self._prefix}instruction", qos("reliable", "volatile", 32)
        )
        self._node.create_subscription(DiagnosticArray, "/diagnostics", self._take_diagnostics, 10)
        self._node.create_subscription(
            ReasoningMask, f"{self._prefix}{REASONING}/mask", self._masks.append, qos("reliable", "volatile", 32)
        )

    def __enter__(self) -> DemoClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.remove_node(self._node)
        self._executor.shutdown(timeout_sec=1.0)
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    @property
    def node(self) -> Any:
        """The rclpy node, for further topics."""
        return self._node

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            node, _, part = status.name.partition(": ")
            name = node.rsplit("/", 1)[-1] + (f": {part}" if part else "")
            self.figures[name] = {v.key: v.value for v in status.values} | {"message": status.message}

    def figure(self, node: str, name: str) -> int:
        """A count of the node's diagnostics, 0 before the first."""
        return int(self.figures.get(node, {}).get(name) or 0)

    def wait(self, done: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Spin until ``done``.

        Raises:
            NodeFailed: not within ``timeout_s``; ``what`` is told.
        """
        deadline = time.monotonic() + timeout_s
        while not done():
            self._check()
            if time.monotonic() > deadline:
                said = "; ".join(f"{name}: {values['message']}" for name, values in self.figures.items())
                raise NodeFailed(f"{what} took longer than {timeout_s:.0f} s ({said or 'no node said anything'})")
            self._executor.spin_once(timeout_sec=0.05)

    def wait_until_listening(self, timeout_s: float) -> None:
        """Wait until the reasoning node takes instructions and its answers can arrive."""
        topic = f"{self._prefix}{REASONING}/mask"
        self.wait(
            lambda: self._instructions.get_subscription_count() > 0 and self._node.count_publishers(topic) > 0,
            timeout_s,
            "the start of the nodes",
        )

    def send(self, **fields: Any) -> str:
        """Send an instruction with these fields; returns its id."""
        self._asked += 1
        message = Instruction(**({"id": f"demo-{self._asked}", "requester": "demo_client"} | fields))
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._instructions.publish(message)
        return str(message.id)

    def ask(self, text: str, timeout_s: float = 30.0, min_version: int = 0, **fields: Any) -> Reply:
        """Send an instruction and wait for its answer, with points.

        Raises:
            NodeFailed: no answer within ``timeout_s`` and a bit.
        """
        started = time.monotonic()
        wanted = self.send(
            text=text, include_points=True, min_map_version=min_version, timeout=duration_message(timeout_s), **fields
        )
        return Reply(self.answer_to(wanted, timeout_s + 5.0, text), (time.monotonic() - started) * 1000)

    def answer_to(self, wanted: str, timeout_s: float, text: str = "", sequence: int = 0) -> ReasoningMask:
        """Wait for the answer with this id and sequence number."""

        def found() -> list[ReasoningMask]:
            return [m for m in self._masks if m.instruction_id == wanted and m.sequence == sequence]

        self.wait(lambda: bool(found()), timeout_s, f"the answer to {text[:60]!r}")
        return found()[0]

    def fetch_map(self, voxel_size: float, timeout_s: float = 20.0) -> SceneCloud:
        """The newest map of the mapping node."""
        received: list[PointCloud2] = []
        topic = f"{self._prefix}{MAPPING}/map/points"
        subscription = self._node.create_subscription(PointCloud2, topic, received.append, LATCHED)
        try:
            self.wait(lambda: bool(received), timeout_s, f"a message on {topic}")
        finally:
            self._node.destroy_subscription(subscription)
        message = received[-1]
        stamp = stamp_ns(message.header.stamp)
        identity = CloudIdentity(message.header.frame_id, stamp, stamp, "")
        return scene_cloud(cloud_columns(message), voxel_size, identity)
