"""Says why nothing arrives: the silent topic, its publishers, their type and QoS, and the clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible

from mllm_for3d_ros.nodes.speaker import Speaker


@dataclass(frozen=True)
class Endpoint:
    """A publisher of a topic: its node, message type and QoS."""

    node: str
    type_name: str
    qos: Any


@dataclass
class Input:
    """A topic that the node needs.

    name: as the node calls it, before remapping. topic: its full name. type_name: e.g.
    "sensor_msgs/msg/Image". last: when a message came last (monotonic seconds), None if never.
    """

    name: str
    topic: str
    type_name: str
    qos: QoSProfile
    last: float | None = None
    count: int = 0
    since: float = field(default_factory=time.monotonic)

    def seen(self) -> None:
        """Note that a message came."""
        self.last = time.monotonic()
        self.count += 1

    def silence(self, now: float) -> float:
        """Seconds since the last message, or since the start."""
        return now - (self.since if self.last is None else self.last)


def explain_silence(wanted: Input, publishers: Sequence[Endpoint], seconds: float) -> str:
    """One line: why nothing may be arriving on ``wanted``, and what to do."""
    start = f"nothing on {wanted.topic} for {seconds:.0f} s: "
    if not publishers:
        return start + f"it has no publisher; start it, or remap {wanted.name} with -r {wanted.name}:=/its/topic"
    strangers = [p for p in publishers if p.type_name != wanted.type_name]
    if len(strangers) == len(publishers):
        kinds = ", ".join(f"{p.node} publishes {p.type_name}" for p in strangers)
        return start + f"{kinds} but {wanted.type_name} is needed; remap {wanted.name} to a topic of that type"
    for publisher in publishers:
        if publisher in strangers:
            continue
        compatibility, reason = qos_check_compatible(publisher.qos, wanted.qos)
        if compatibility == QoSCompatibility.ERROR:
            return (
                start + f"the QoS of {publisher.node} does not fit ({reason.strip()}); {_qos_remedy(publisher, wanted)}"
            )
    names = ", ".join(sorted({p.node for p in publishers}))
    return start + f"{names} is there but sends nothing; is it paused, or are its messages too large for the transport?"


def _qos_remedy(publisher: Endpoint, wanted: Input) -> str:
    policies = [p for p in ("reliability", "durability") if getattr(publisher.qos, p) != getattr(wanted.qos, p)]
    return f"set the node's {' and '.join(policies)} parameter for {wanted.name} to that of the publisher"


class Watchdog:
    """Looks at the inputs once a period and complains about silent ones through a Speaker.

    Args:
        node: whose inputs they are.
        speaker: says the lines (throttled).
        silent_after_s: seconds without a message that are worth a line.
        only_first: inputs that may rightly fall silent once they have spoken (latched or rare ones).
    """

    def __init__(self, node: Node, speaker: Speaker, silent_after_s: float = 5.0, only_first: bool = False) -> None:
        self._node, self._speaker = node, speaker
        self._after, self._only_first = silent_after_s, only_first
        self.inputs: list[Input] = []
        self.problems: list[str] = []
        self._start = time.monotonic()
        self._timer = steady_timer(node, 1.0, self._look)

    def subscribe(
        self, message_type: Any, name: str, callback: Callable[[Any], object], qos: QoSProfile, watch: bool = True
    ) -> Input:
        """Subscribe the node; every message is noted, and an exception of ``callback`` is a line, not a crash."""
        topic = self._node.resolve_topic_name(name)
        entry = Input(name, topic, _type_name(message_type), qos)

        def receive(message: Any) -> None:
            entry.seen()
            try:
                callback(message)
            except Exception as error:  # a message must never end the node
                self._speaker.error(f"callback {name}", error)

        self._node.create_subscription(message_type, name, receive, qos)
        if watch:
            self.inputs.append(entry)
        return entry

    def _look(self) -> None:
        now = time.monotonic()
        self.problems = [line for line in [self._clock_problem(now)] if line]
        for entry in self.inputs:
            rare = self._only_first and entry.count > 0
            if not rare and entry.silence(now) >= self._after:
                self.problems.append(explain_silence(entry, self._publishers(entry.topic), entry.silence(now)))
                self._speaker.warn(f"silent {entry.topic}", self.problems[-1])

    def _publishers(self, topic: str) -> list[Endpoint]:
        found = self._node.get_publishers_info_by_topic(topic)
        return [Endpoint(f"{e.node_namespace.rstrip('/')}/{e.node_name}", e.topic_type, e.qos_profile) for e in found]

    def _clock_problem(self, now: float) -> str | None:
        simulated = self._node.get_parameter("use_sim_time").value
        if not simulated or self._node.get_clock().now().nanoseconds > 0 or now - self._start < self._after:
            return None
        line = (
            "use_sim_time is true but nothing comes on /clock: play the bag with --clock, or set use_sim_time to false"
        )
        self._speaker.warn("clock", line)
        return line


def steady_timer(node: Node, period_s: float, callback: Callable[[], None]) -> Any:
    """A timer of real time, which also fires with use_sim_time and no /clock."""
    return node.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))


def _type_name(message_type: Any) -> str:
    """The name of a message class, e.g. "sensor_msgs/msg/Image"."""
    package, kind = message_type.__module__.split(".")[:2]
    return f"{package}/{kind}/{message_type.__name__}"
