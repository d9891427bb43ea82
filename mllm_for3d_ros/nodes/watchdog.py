"""Says why nothing arrives: the silent topic, its publishers, their type and QoS, and the clock."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSCompatibility, QoSProfile, ReliabilityPolicy, qos_check_compatible

from mllm_for3d_ros.nodes.conversion import stamp_ns
from mllm_for3d_ros.nodes.diagnostics import Part
from mllm_for3d_ros.nodes.speaker import Speaker
from mllm_for3d_ros.nodes.timers import steady_timer

_KEPT = 512
_RATE_S = 5.0
_LOOK_S = 0.5
_LESS_AND_MORE = {
    "reliability": (ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE),
    "durability": (DurabilityPolicy.VOLATILE, DurabilityPolicy.TRANSIENT_LOCAL),
}
_OF_IMAGES, _OF_POSES = {"reliability": "image_reliability"}, {"reliability": "pose_reliability"}
QOS_PARAMETERS = {
    "rgb/image_raw": _OF_IMAGES,
    "depth/image_raw": _OF_IMAGES,
    "camera_info": _OF_IMAGES,
    "pose": _OF_POSES,
    "odom": _OF_POSES,
    "map/points": {"reliability": "map_reliability", "durability": "map_durability"},
}
"""The parameters that say what a node asks of an input, by policy; of other inputs it is fixed."""


@dataclass(frozen=True)
class Endpoint:
    """A publisher of a topic: its node, message type and QoS."""

    node: str
    type_name: str
    qos: Any


@dataclass
class Input:
    """A topic that the node listens to, and what has come on it.

    name: as the node calls it, before remapping. topic: its full name. type_name: e.g.
    "sensor_msgs/msg/Image". watched: whether its silence is a problem. last: when a message came last
    (monotonic seconds), None if never. lost: messages that the middleware reports as lost, None if it cannot. misfits:
    publishers whose QoS does not fit.
    """

    name: str
    topic: str
    type_name: str
    qos: QoSProfile
    watched: bool = True
    last: float | None = None
    count: int = 0
    lost: int | None = 0
    misfits: int = 0
    since: float = field(default_factory=time.monotonic)
    _arrivals: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def seen(self, delay_s: float = math.nan) -> None:
        """Note that a message came, so long after its stamp."""
        self.last = time.monotonic()
        self.count += 1
        self._arrivals.append((self.last, delay_s))

    def silence(self, now: float) -> float:
        """Seconds since the last message, or since the start."""
        return now - (self.since if self.last is None else self.last)

    def figures(self, now: float) -> dict[str, object]:
        """What the diagnostics show of it; rate and delay are of the last seconds."""
        recent = [arrival for arrival in list(self._arrivals) if arrival[0] >= now - _RATE_S]
        rate = (len(recent) - 1) / (recent[-1][0] - recent[0][0]) if len(recent) > 1 else 0.0
        delays = [delay * 1000 for _, delay in recent if math.isfinite(delay)]
        found: dict[str, object] = {
            "topic": self.topic,
            "expected": f"{self.type_name}, {self.qos.reliability.name.lower()}, {self.qos.durability.name.lower()}",
            "messages": self.count,
            "rate_hz": f"{rate:.1f}",
            "lost": "unknown" if self.lost is None else self.lost,
            "qos_mismatches": self.misfits,
        }
        if delays:
            found |= {"delay_ms_mean": f"{sum(delays) / len(delays):.1f}", "delay_ms_max": f"{max(delays):.1f}"}
        return found


def explain_silence(wanted: Input, publishers: Sequence[Endpoint], seconds: float) -> str:
    """One line: why nothing may be arriving on ``wanted``, and what to do."""
    start = f"nothing on {wanted.topic} for {seconds:.0f} s: "
    if not publishers:
        remedy = f"start it, or remap {wanted.name} with -r {wanted.name}:=/its/topic"
        return start + f"it has no publisher of {wanted.type_name}; {remedy}"
    strangers = [p for p in publishers if p.type_name != wanted.type_name]
    if len(strangers) == len(publishers):
        kinds = ", ".join(f"{p.node} publishes {p.type_name}" for p in strangers)
        return start + f"{kinds} but {wanted.type_name} is needed; remap {wanted.name} to a topic of that type"
    if misfit := explain_misfit(wanted, [publisher for publisher in publishers if publisher not in strangers]):
        return start + misfit
    names = ", ".join(sorted({p.node for p in publishers}))
    return start + f"{names} is there but sends nothing; is it paused, or are its messages too large for the transport?"


def explain_misfit(wanted: Input, publishers: Sequence[Endpoint]) -> str:
    """Which of the publishers has QoS that does not fit, and what to do; "" if all fit."""
    for publisher in publishers:
        compatibility, reason = qos_check_compatible(publisher.qos, wanted.qos)
        if compatibility == QoSCompatibility.ERROR:
            why = reason.strip("; ").replace(";", ", ")
            return f"the QoS of {publisher.node} does not fit ({why}); {_qos_remedy(publisher, wanted)}"
    return ""


def _qos_remedy(publisher: Endpoint, wanted: Input) -> str:
    """What to change, at either end, of the policies that the publisher offers less of than is asked for."""
    short = [
        policy
        for policy, (less, more) in _LESS_AND_MORE.items()
        if (getattr(publisher.qos, policy), getattr(wanted.qos, policy)) == (less, more)
    ]
    if not short:
        return f"have {publisher.node} publish {wanted.topic} with the deadline and liveliness that are asked for"
    asked = " and ".join(getattr(wanted.qos, policy).name.lower() for policy in short)
    remedy = f"have {publisher.node} publish {wanted.topic} {asked}"
    settings = QOS_PARAMETERS.get(wanted.name, {})
    if not set(short) <= set(settings):
        return remedy
    own = " and ".join(f"{settings[policy]} to {_LESS_AND_MORE[policy][0].name.lower()}" for policy in short)
    return f"set the node's parameter {own}, or {remedy}"


class Watchdog:
    """Looks at the inputs twice a second and complains about silent ones through a Speaker.

    Args:
        node: whose inputs they are.
        speaker: says the lines (throttled).
        silent_after_s: seconds without a message that are worth a line.
        only_first: inputs that may rightly fall silent once they have spoken (latched or rare ones).
    """

    def __init__(self, node: Node, speaker: Speaker, silent_after_s: float = 5.0, only_first: bool = False) -> None:
        self._node, self._speaker = node, speaker
        self.silent_after_s, self._only_first = silent_after_s, only_first
        self.inputs: list[Input] = []
        self.problems: list[str] = []
        self._silent: dict[str, str] = {}
        self._start = time.monotonic()
        self._timer = steady_timer(node, _LOOK_S, self._look)

    def subscribe(
        self, message_type: Any, name: str, callback: Callable[[Any], object], qos: QoSProfile, watch: bool = True
    ) -> Input:
        """Subscribe the node; every message is noted, and an exception of ``callback`` is a line, not a crash.

        Messages that wait are taken all at once: the executor takes one of each topic a turn, so that on a busy
        machine a topic of 100 Hz would fall behind those of 30 Hz.
        """
        entry = Input(name, self._node.resolve_topic_name(name), _type_name(message_type), qos, watched=watch)
        clock = self._node.get_clock()

        def take(message: Any) -> None:
            header = getattr(message, "header", None)
            entry.seen(math.nan if header is None else (clock.now().nanoseconds - stamp_ns(header.stamp)) * 1e-9)
            try:
                callback(message)
            except Exception as error:  # a message must never end the node
                self._speaker.error(f"callback {name}", error)

        def receive(message: Any) -> None:
            take(message)
            for _ in range(qos.depth):
                with subscription.handle:
                    more = subscription.handle.take_message(message_type, False)
                if more is None:
                    return
                take(more[0])

        subscription = self._create(message_type, entry, receive)
        self.inputs.append(entry)
        return entry

    def _create(self, message_type: Any, entry: Input, receive: Callable[[Any], None]) -> Any:
        """A subscription that tells ``entry`` of lost messages and of QoS that does not fit."""

        def lost(event: Any) -> None:
            entry.lost = event.total_count

        def misfit(event: Any) -> None:
            entry.misfits = event.total_count
            if reason := explain_misfit(entry, self.publishers(entry.topic)):
                self._speaker.warn(f"misfit {entry.topic}", f"{entry.topic} is not heard from all publishers: {reason}")

        def create(**events: Any) -> Any:
            callbacks = SubscriptionEventCallbacks(incompatible_qos=misfit, use_default_callbacks=False, **events)
            return self._node.create_subscription(
                message_type, entry.name, receive, entry.qos, event_callbacks=callbacks
            )

        try:
            return create(message_lost=lost)
        except UnsupportedEventTypeError:  # some middleware cannot tell what it lost
            entry.lost = None
            return create()

    def parts(self) -> list[Part]:
        """The inputs, for the diagnostics."""
        now = time.monotonic()
        silent = self._silent
        return [
            Part(entry.name, entry.figures(now), [silent[entry.name]] if entry.name in silent else [])
            for entry in self.inputs
        ]

    def _look(self) -> None:
        now = time.monotonic()
        self._silent = {entry.name: self._explain(entry, now) for entry in self.inputs if self._is_silent(entry, now)}
        self.problems = [*self._clock_problems(now), *self._silent.values()]

    def _is_silent(self, entry: Input, now: float) -> bool:
        spoken = self._only_first and entry.count > 0
        return entry.watched and not spoken and entry.silence(now) >= self.silent_after_s

    def _explain(self, entry: Input, now: float) -> str:
        line = explain_silence(entry, self.publishers(entry.topic), entry.silence(now))
        self._speaker.warn(f"silent {entry.topic}", line)
        return line

    def publishers(self, topic: str) -> list[Endpoint]:
        """The publishers of a topic, given by its full name."""
        found = self._node.get_publishers_info_by_topic(topic)
        return [Endpoint(f"{e.node_namespace.rstrip('/')}/{e.node_name}", e.topic_type, e.qos_profile) for e in found]

    def _clock_problems(self, now: float) -> list[str]:
        simulated = self._node.get_parameter("use_sim_time").value
        if not simulated or self._node.get_clock().now().nanoseconds > 0 or now - self._start < self.silent_after_s:
            return []
        line = (
            "use_sim_time is true but nothing comes on /clock: play the bag with --clock, or set use_sim_time to false"
        )
        self._speaker.warn("clock", line)
        return [line]


def _type_name(message_type: Any) -> str:
    """The name of a message class, e.g. "sensor_msgs/msg/Image"."""
    package, kind = message_type.__module__.split(".")[:2]
    return f"{package}/{kind}/{message_type.__name__}"
