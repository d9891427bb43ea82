from collections.abc import Callable

import pytest
from rclpy.duration import Duration
from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
from rclpy.qos import QoSProfile
from std_msgs.msg import String

from mllm_for3d_ros.nodes import mapping_parameters, reasoning_parameters
from mllm_for3d_ros.nodes.parameters import qos
from mllm_for3d_ros.nodes.speaker import Speaker
from mllm_for3d_ros.nodes.watchdog import QOS_PARAMETERS, Endpoint, Input, Watchdog, explain_misfit, explain_silence

IMAGE = "sensor_msgs/msg/Image"
RELIABLE, BEST_EFFORT = qos("reliable", "volatile", 1), qos("best_effort", "volatile", 1)
LATCHED = qos("reliable", "transient_local", 1)
IMPATIENT = qos("reliable", "volatile", 1)
IMPATIENT.deadline = Duration(seconds=1)


def rgb(profile: object = BEST_EFFORT) -> Input:
    return Input("rgb/image_raw", "/robot/rgb/image_raw", IMAGE, profile)  # type: ignore[arg-type]


def test_a_topic_without_publisher() -> None:
    line = explain_silence(rgb(), [], 7.3)
    assert line.startswith("nothing on /robot/rgb/image_raw for 7 s: it has no publisher of sensor_msgs/msg/Image;")
    assert "-r rgb/image_raw:=/its/topic" in line


def test_a_publisher_of_another_type() -> None:
    line = explain_silence(rgb(), [Endpoint("/cam", "sensor_msgs/msg/CompressedImage", RELIABLE)], 5)
    assert "/cam publishes sensor_msgs/msg/CompressedImage but sensor_msgs/msg/Image is needed" in line


RELIABLE_IMAGES = (
    "set the node's parameter image_reliability to best_effort, or have /x publish /robot/rgb/image_raw reliable"
)


@pytest.mark.parametrize(
    ("name", "offered", "asked", "remedy"),
    [
        ("rgb/image_raw", BEST_EFFORT, RELIABLE, RELIABLE_IMAGES),
        ("rgb/image_raw", qos("best_effort", "transient_local", 1), RELIABLE, RELIABLE_IMAGES),
        ("instruction", BEST_EFFORT, RELIABLE, "have /x publish /robot/instruction reliable"),
        ("tf_static", RELIABLE, LATCHED, "have /x publish /robot/tf_static transient_local"),
        (
            "map/points", RELIABLE, LATCHED,
            "set the node's parameter map_durability to volatile, or have /x publish /robot/map/points transient_local",
        ),
        (
            "map/points", BEST_EFFORT, LATCHED,
            "set the node's parameter map_reliability to best_effort and map_durability to volatile, or have /x "
            "publish /robot/map/points reliable and transient_local",
        ),
        (
            "odom", RELIABLE, IMPATIENT,
            "have /x publish /robot/odom with the deadline and liveliness that are asked for",
        ),
    ],
)  # fmt: skip
def test_a_qos_that_does_not_fit_names_topic_policy_and_parameter(
    name: str, offered: QoSProfile, asked: QoSProfile, remedy: str
) -> None:
    wanted = Input(name, f"/robot/{name}", IMAGE, asked)
    cause, _, found = explain_misfit(wanted, [Endpoint("/x", IMAGE, offered)]).partition("; ")
    assert cause.startswith("the QoS of /x does not fit (") and found == remedy


def test_the_parameters_that_are_named_are_there() -> None:
    tables = {parameter.name for parameter in (*mapping_parameters.PARAMETERS, *reasoning_parameters.PARAMETERS)}
    assert {name for settings in QOS_PARAMETERS.values() for name in settings.values()} <= tables


def test_a_publisher_that_sends_nothing() -> None:
    assert "/cam is there but sends nothing" in explain_silence(rgb(), [Endpoint("/cam", IMAGE, RELIABLE)], 5)


def test_rate_and_delay_are_those_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    entry, now = rgb(), [100.0]
    assert entry.figures(100.0)["rate_hz"] == "0.0" and entry.silence(entry.since + 3.0) == pytest.approx(3.0)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    for n in range(50):
        now[0] = 100.0 + 0.1 * n
        entry.seen(0.02 if n % 2 else 0.04)
    figures = entry.figures(now[0])
    assert (figures["messages"], figures["rate_hz"]) == (50, "10.0")
    assert (figures["delay_ms_mean"], figures["delay_ms_max"]) == ("30.0", "40.0")
    assert figures["expected"] == "sensor_msgs/msg/Image, best_effort, volatile"
    assert entry.figures(200.0)["rate_hz"] == "0.0"


def test_without_stamps_there_is_no_delay() -> None:
    entry = rgb()
    entry.seen()
    assert not any("delay" in name for name in entry.figures(entry.last or 0.0))


def test_recent_complaints_are_kept_whether_they_were_said_or_not() -> None:
    now = [0.0]
    speaker = Speaker(lambda text: None, 100.0, lambda: now[0])
    for now[0], key, text in ((0.0, "a", "old"), (3.0, "b", "b"), (6.0, "a", "new\nline")):
        speaker.warn(key, text)
    assert sorted(speaker.recent(5.0)) == ["b", "new line"]
    now[0] = 9.0
    assert speaker.recent(5.0) == ["new line"]


def test_complaints_are_not_repeated_within_the_period() -> None:
    now, said = [0.0], []
    speaker = Speaker(said.append, 5.0, lambda: now[0])
    for now[0] in (0.0, 1.0, 2.0, 6.0):
        speaker.warn("a", "first\n  line")
    speaker.warn("b", "other")
    assert said == ["first line", "first line (and 2 more times since the last such line)", "other"]


class Middleware:
    """A node, its subscription and its handle; they cannot tell what was lost."""

    def __init__(self) -> None:
        self.waiting: list[String] = []

    def resolve_topic_name(self, name: str) -> str:
        return f"/{name}"

    def get_clock(self) -> None:
        return None

    def create_timer(self, period: float, callback: object, clock: object) -> None:
        return None

    def create_subscription(
        self, kind: type, name: str, receive: Callable[[object], None], qos: object,
        event_callbacks: SubscriptionEventCallbacks,
    ) -> "Middleware":  # fmt: skip
        if event_callbacks.message_lost is not None:
            raise UnsupportedEventTypeError("cannot")
        self.receive = receive
        return self

    @property
    def handle(self) -> "Middleware":
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        pass

    def take_message(self, kind: type, raw: bool) -> tuple[String, None] | None:
        return (self.waiting.pop(0), None) if self.waiting else None


def test_a_middleware_that_cannot_tell_what_it_lost_is_asked_for_less() -> None:
    node = Middleware()
    watchdog = Watchdog(node, Speaker(pytest.fail))  # type: ignore[arg-type]
    entry = watchdog.subscribe(String, "words", pytest.fail, RELIABLE)
    assert entry.figures(0.0)["lost"] == "unknown"


def test_messages_that_wait_are_taken_at_once_and_a_bad_one_ends_nothing() -> None:
    node, said, taken = Middleware(), [], []
    watchdog = Watchdog(node, Speaker(said.append))  # type: ignore[arg-type]

    def take(message: String) -> None:
        taken.append(message.data)
        if message.data == "b":
            raise ValueError("not this one")

    entry = watchdog.subscribe(String, "words", take, qos("reliable", "volatile", 3))
    node.waiting = [String(data=letter) for letter in "bcdef"]
    node.receive(String(data="a"))
    assert taken == list("abcd") and entry.count == 4, "no more than the queue is deep, so that others get their turn"
    assert said == ["ValueError: not this one"]
