"""Publishes a rosbag2's messages on their topics: the serialized bytes as they are, at their pace."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability
from rosgraph_msgs.msg import Clock

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.nodes.conversion import NANOSECONDS, time_message
from mllm_for3d_ros.nodes.parameters import qos
from mllm_for3d_ros.recording.bag_file import broken_bag, open_bag

DEPTH = 100
_CLOCK_PERIOD_S = 0.01
_ACK_TIMEOUT_S = 10.0
_STEP_S = 0.2  # after which a wait looks whether it is to end


@dataclass(frozen=True)
class PlayOptions:
    """rate: times real time. clock: publish /clock. loop: start again at the end. remap: new names of
    topics. topics: only these (names in the bag); empty: all. wait_s: for subscribers of every topic.
    """

    rate: float = 1.0
    clock: bool = False
    loop: bool = False
    remap: Mapping[str, str] = field(default_factory=dict)
    topics: tuple[str, ...] = ()
    wait_s: float = 0.0


@dataclass(frozen=True)
class Played:
    """How many messages were published, in how many seconds, and lines about what was left out."""

    messages: int
    seconds: float


class Player:
    """Plays one bag.

    Args:
        node: that publishes.
        path: rosbag2 folder or file.
        options: see there.
        say: takes lines for a person.
        stopped: asked between messages and during waits; True ends the play.
        progress: told the bag time in s that has been played, after each message.
    """

    def __init__(
        self,
        node: Node,
        path: Path,
        options: PlayOptions,
        say: Callable[[str], object],
        stopped: Callable[[], bool] = lambda: False,
        progress: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        self._node, self._path, self._options = node, path, options
        self._say, self._stopped, self._progress = say, stopped, progress
        self._clock = node.create_publisher(Clock, "/clock", 10) if options.clock else None

    def play(self) -> Played:
        """Publish the bag once, or until stopped with ``loop``.

        Raises:
            RecordingError: the bag cannot be read, or none of its topics can be published.
        """
        with open_bag(self._path) as reader:
            if not reader.is2:
                raise RecordingError(f"{self._path} is a ROS 1 bag: convert it with `rosbags-convert --src A --dst B`")
            if not reader.message_count:
                raise RecordingError(f"the bag {self._path} is empty: record it again with the camera running")
            publishers = self._publishers(reader)
            self._wait_for_subscribers(publishers)
            started, count = time.monotonic(), 0
            while not self._stopped():
                count += self._once(reader, publishers)
                if not self._options.loop:
                    break
            for publisher in publishers.values():
                self._wait_until_taken(publisher)
            return Played(count, time.monotonic() - started)

    def _publishers(self, reader: AnyReader) -> dict[str, Publisher]:
        """Publishers by the topic's name in the bag."""
        wanted = set(self._options.topics)
        present = {c.topic for c in reader.connections}
        if missing := sorted(wanted - present):
            raise RecordingError(f"no topic {', '.join(missing)} in the bag; it has {', '.join(sorted(present))}")
        if strange := sorted(set(self._options.remap) - present):
            raise RecordingError(f"no topic {', '.join(strange)} to remap; the bag has {', '.join(sorted(present))}")
        publishers: dict[str, Publisher] = {}
        for connection in reader.connections:
            if connection.topic in publishers or (wanted and connection.topic not in wanted):
                continue
            message_type = _message_type(connection.msgtype)
            if message_type is None:
                self._say(f"leaving out {connection.topic}: {connection.msgtype} is not installed here")
                continue
            durability = "transient_local" if _is_latched(connection) else "volatile"
            name = self._options.remap.get(connection.topic, connection.topic)
            publishers[connection.topic] = self._node.create_publisher(
                message_type, name, qos("reliable", durability, DEPTH)
            )
        if not publishers:
            raise RecordingError("no topic of the bag can be published: install the packages of its message types")
        return publishers

    def _wait_for_subscribers(self, publishers: Mapping[str, Publisher]) -> None:
        """Wait until every topic that is not latched is heard, at most ``wait_s``."""
        deadline = time.monotonic() + self._options.wait_s
        heard = {t: p for t, p in publishers.items() if p.qos_profile.durability != DurabilityPolicy.TRANSIENT_LOCAL}
        lonely = sorted(heard)
        while lonely and not self._stopped():
            lonely = [topic for topic in lonely if not heard[topic].get_subscription_count()]
            if time.monotonic() >= deadline:
                break
            time.sleep(0.05)
        if lonely and self._options.wait_s > 0 and not self._stopped():
            self._say(f"playing though nobody listens on {', '.join(lonely)} after {self._options.wait_s:.0f} s")

    def _once(self, reader: AnyReader, publishers: Mapping[str, Publisher]) -> int:
        connections = [c for c in reader.connections if c.topic in publishers]
        messages = reader.messages(connections=connections)
        first: int | None = None
        started, count = time.monotonic(), 0
        while not self._stopped():
            try:
                connection, stamp, raw = next(messages)
            except StopIteration:
                break
            except Exception as error:  # whatever the parsers make of broken bytes
                raise broken_bag(self._path, error) from error
            first = stamp if first is None else first
            if not self._wait_until(started + (stamp - first) / NANOSECONDS / self._options.rate, stamp):
                break
            publishers[connection.topic].publish(bytes(raw))
            count += 1
            self._progress((stamp - first) / NANOSECONDS)
        return count

    def _wait_until(self, moment: float, stamp: int) -> bool:
        """Sleep until ``moment``, with /clock running up to ``stamp``; False if stopped before."""
        while (ahead := moment - time.monotonic()) > 0:
            if self._stopped():
                return False
            self._publish_clock(stamp - round(ahead * self._options.rate * NANOSECONDS))
            time.sleep(min(ahead, _CLOCK_PERIOD_S if self._clock else _STEP_S))
        self._publish_clock(stamp)
        return True

    def _wait_until_taken(self, publisher: Publisher) -> None:
        """Wait until the subscribers have acknowledged what was published, if they do."""
        deadline = time.monotonic() + _ACK_TIMEOUT_S
        while not self._stopped() and time.monotonic() < deadline:
            if publisher.wait_for_all_acked(Duration(seconds=_STEP_S)):
                return

    def _publish_clock(self, stamp: int) -> None:
        if self._clock is not None:
            self._clock.publish(Clock(clock=time_message(stamp)))


def bag_seconds(path: Path) -> float:
    """Seconds from the first to the last message of a bag."""
    with open_bag(path) as reader:
        return max(0.0, (reader.end_time - reader.start_time) / NANOSECONDS) if reader.message_count else 0.0


def _is_latched(connection: Any) -> bool:
    profiles = getattr(connection.ext, "offered_qos_profiles", ())
    return connection.topic.endswith("/tf_static") or any(
        p.durability == QosDurability.TRANSIENT_LOCAL for p in profiles
    )


def _message_type(name: str) -> Any | None:
    """The message class of e.g. "sensor_msgs/msg/Image", None if its package is not installed."""
    package, _, rest = name.partition("/")
    kind, _, message = rest.rpartition("/")
    try:
        return getattr(importlib.import_module(f"{package}.{kind or 'msg'}"), message)
    except (ImportError, AttributeError):
        return None
