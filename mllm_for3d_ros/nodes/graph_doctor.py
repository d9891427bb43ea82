"""Listens to a camera, to /tf and to the diagnostics of our nodes for some seconds, and says what is wrong there."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from mllm_for3d_ros.doctor.finding import Finding, bad, good, of_error, warning
from mllm_for3d_ros.nodes import input_checks
from mllm_for3d_ros.nodes.input_checks import Heard
from mllm_for3d_ros.nodes.parameters import qos
from mllm_for3d_ros.nodes.speaker import Speaker
from mllm_for3d_ros.nodes.transforms import TransformListener
from mllm_for3d_ros.nodes.watchdog import Input, Watchdog, explain_misfit, explain_silence
from mllm_for3d_ros.recording.tf import TransformUnavailable

COLOR, DEPTH, INFO = "rgb/image_raw", "depth/image_raw", "camera_info"
INPUTS = (COLOR, DEPTH, INFO)
NODES = ("mapping_node", "reasoning_node")
_START = "start it: ros2 launch mllm_for3d_ros reasoning.launch.py"
_LOG = "see what the node says in its log"


@dataclass(frozen=True)
class Wanted:
    """What is looked at. topics: by our input names; those left out are taken from a running mapping_node, else the
    input's own name. slop_s: how far stamps of colour and depth may lie apart.
    discovery_s: how long other nodes are looked for before.
    """

    topics: Mapping[str, str]
    map_frame: str = "map"
    camera_frame: str = ""
    slop_s: float = 0.02
    reliability: str = "best_effort"
    use_sim_time: bool = False
    discovery_s: float = 2.0


def examine(wanted: Wanted, seconds: float) -> list[Finding]:
    """Listen for ``seconds`` after a moment of discovery, and judge."""
    context = Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    arguments = ["--ros-args", "-p", f"use_sim_time:={str(wanted.use_sim_time).lower()}"]
    node = rclpy.create_node("doctor", context=context, cli_args=arguments)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        doctor = GraphDoctor(node, wanted)
        _spin(executor, wanted.discovery_s)
        doctor.listen()
        _spin(executor, seconds)
        return doctor.findings()
    finally:
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def _spin(executor: SingleThreadedExecutor, seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        executor.spin_once(timeout_sec=min(0.1, left))


class GraphDoctor:
    """Hears the topics of one camera; ``listen`` once the other nodes have been discovered."""

    def __init__(self, node: Node, wanted: Wanted) -> None:
        self._node, self._wanted = node, wanted
        self._statuses: dict[str, DiagnosticStatus] = {}
        self._heard: dict[str, Heard] = {}
        self._inputs: dict[str, Input] = {}
        self._transforms = TransformListener(node)
        self._watchdog = Watchdog(node, Speaker(lambda line: None), silent_after_s=0.0)
        node.create_subscription(DiagnosticArray, "/diagnostics", self._take_diagnostics, 10)

    def _take_diagnostics(self, message: DiagnosticArray) -> None:
        self._statuses.update({status.name: status for status in message.status})

    def listen(self) -> None:
        """Subscribe to the camera, with the types that are published."""
        profile = qos(self._wanted.reliability, "volatile", 10)
        for name in INPUTS:
            topic = self._topic(name)
            self._heard[name] = heard = Heard(topic)
            kind = CameraInfo if name == INFO else self._image_type(topic)

            def take(message: Any, heard: Heard = heard) -> None:
                heard.take(message, self._node.get_clock().now().nanoseconds)

            self._inputs[name] = self._watchdog.subscribe(kind, topic, take, profile)
            self._inputs[name].name = name  # remedies speak of the nodes' input

    def _topic(self, name: str) -> str:
        """Full name: as asked for, or as a running mapping_node has it, or our own name."""
        if name in self._wanted.topics:
            return self._node.resolve_topic_name(self._wanted.topics[name])
        told = [
            value.value
            for status in self._statuses.values()
            for value in status.values
            if status.name.endswith(f"mapping_node: {name}") and value.key == "topic"
        ]
        return told[0] if told else self._node.resolve_topic_name(name)

    def _image_type(self, topic: str) -> type:
        kinds = {endpoint.type_name for endpoint in self._watchdog.publishers(topic)}
        return CompressedImage if kinds == {"sensor_msgs/msg/CompressedImage"} else Image

    def findings(self) -> list[Finding]:
        """Of everything that was heard."""
        findings = self._clock()
        for name in INPUTS:
            findings += self._arrival(name)
        color, depth, info = (self._heard[name] for name in INPUTS)
        if color.message is not None:
            findings.append(input_checks.check_color(color))
        if depth.message is not None:
            findings.append(input_checks.check_depth(depth))
        if info.message is not None:
            base = color.topic.removesuffix("/compressed")
            rectified = "rect" in base.rsplit("/", 1)[-1]  # as mapping_node takes it by default
            findings.append(input_checks.check_camera(info.message, color.message, rectified))
        if color.message is not None and depth.message is not None:
            findings.append(input_checks.check_frames(color.message, depth.message))
            findings.append(input_checks.check_pairs(color.stamps, depth.stamps, self._wanted.slop_s))
        if color.message is not None:
            findings.append(self._pose(color))
        return findings + self._nodes()

    def _clock(self) -> list[Finding]:
        if not self._wanted.use_sim_time:
            return []
        if self._node.get_clock().now().nanoseconds == 0:
            remedy = "play the bag with --clock, start the simulation, or leave use_sim_time out"
            return [bad("clock", "nothing on /clock", remedy)]
        return [good("clock", "/clock is there")]

    def _arrival(self, name: str) -> list[Finding]:
        """Whether messages of an input come, from all of its publishers, and in time."""
        entry, publishers = self._inputs[name], self._watchdog.publishers(self._heard[name].topic)
        now = time.monotonic()
        if entry.count == 0:
            return [of_error(name, RuntimeError(explain_silence(entry, publishers, entry.silence(now))))]
        misfit = explain_misfit(entry, publishers)
        found = [of_error("QoS", RuntimeError(misfit))] if misfit else []
        rate = float(str(entry.figures(now)["rate_hz"]))
        return [*found, input_checks.check_stamps(self._heard[name], rate)]

    def _pose(self, color: Heard) -> Finding:
        """Whether TF has the pose of one of the images that came; the newest may be ahead of it."""
        target, frame = self._wanted.map_frame, self._wanted.camera_frame or color.message.header.frame_id
        for stamp in reversed(color.stamps):
            with suppress(TransformUnavailable):
                self._transforms.lookup(target, frame, stamp)
                return good("TF", f"{frame!r} has a pose in {target!r}")
        try:
            self._transforms.wait_for(target, frame, color.stamps[-1], 0.0)
        except TransformUnavailable as explained:
            return of_error("TF", explained)
        return good("TF", f"{frame!r} has a pose in {target!r}, since just now")

    def _nodes(self) -> list[Finding]:
        """Whether our nodes run, and what they complain about."""
        findings = []
        for node in NODES:
            own = {
                name: status
                for name, status in self._statuses.items()
                if name.partition(":")[0].rsplit("/", 1)[-1] == node
            }
            if not own:
                findings.append(warning("nodes", f"{node} does not run, or not in this domain", _START))
            complaints = [
                f"{name}: {status.message}" for name, status in own.items() if status.level != DiagnosticStatus.OK
            ]
            findings += [warning("nodes", line, _LOG) for line in complaints]
            if own and not complaints:
                findings.append(good("nodes", f"{node}: {own[min(own, key=len)].message}"))
        return findings
