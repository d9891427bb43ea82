"""What is published of answers, without a middleware."""

from typing import Any

import pytest
from student_support import ColorStudent, box_cloud

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.nodes import answer_outputs
from mllm_for3d_ros.nodes.answer_outputs import KEPT_MASKS, AnswerOutputs
from mllm_for3d_ros.nodes.answers import Answer
from mllm_for3d_ros.nodes.instruction_desk import Request
from mllm_for3d_ros.nodes.map_keeper import EncodedMap
from mllm_for3d_ros.types import Status

CLOUD = box_cloud(((-0.9, -0.9, 0.0), "red"), ((0.4, 0.4, 0.0), "green"))
ANSWERER = Answerer(ColorStudent())
REJECTED = Answer(Status.REJECTED, "busy", "busy")


class Publisher:
    """Of one topic, with one subscription that acknowledges at once, or never."""

    def __init__(self, acknowledges: bool) -> None:
        self.published: list[Any] = []
        self.waits: list[int] = []
        self._acknowledges = acknowledges

    def get_subscription_count(self) -> int:
        return 1

    def publish(self, message: Any) -> None:
        self.published.append(message)

    def wait_for_all_acked(self, timeout: Any) -> bool:
        self.waits.append(len(self.published))
        return self._acknowledges


class Node:
    """Has publishers alone."""

    def __init__(self, acknowledges: bool = True) -> None:
        self.topics: dict[str, Publisher] = {}
        self._acknowledges = acknowledges

    def create_publisher(self, message_type: Any, name: str, qos: Any) -> Publisher:
        return self.topics.setdefault(name, Publisher(self._acknowledges))


def outputs(node: Node) -> AnswerOutputs:
    return AnswerOutputs(node, lambda line: None, pytest.fail)  # type: ignore[arg-type]


def found(text: str) -> Answer:
    mask = ANSWERER.answer(ANSWERER.encode(CLOUD), text)
    return Answer(mask.status, mask.explanation, "", EncodedMap(None, CLOUD, 1, 0.0), mask)


def test_a_burst_waits_for_its_subscribers_before_answers_are_pushed_out() -> None:
    node = Node()
    answers = outputs(node)
    for n in range(3 * KEPT_MASKS):
        answers.publish(Request("me", str(n), "red", 0.0), REJECTED)
    mask = node.topics["~/mask"]
    assert len(mask.published) == 3 * KEPT_MASKS and mask.waits == [KEPT_MASKS, 2 * KEPT_MASKS]


def test_nobody_waits_long_for_a_subscriber_that_has_died() -> None:
    node = Node(acknowledges=False)
    answers = outputs(node)
    for n in range(10 * KEPT_MASKS):
        answers.publish(Request("me", str(n), "red", 0.0), REJECTED)
    assert node.topics["~/mask"].waits == [KEPT_MASKS]


def test_an_answer_goes_to_all_topics_and_to_whoever_waits() -> None:
    node, replies = Node(), []
    answers = outputs(node)
    answers.publish(Request("me", "1", "red", 0.0, reply=replies.append), found("red"), lambda instance: 0.25)
    assert {name: len(topic.published) for name, topic in node.topics.items()} == dict.fromkeys(
        ["~/mask", "~/mask/points", "~/mask/heatmap", "~/mask/markers", "~/mask/detections"], 1
    )
    assert replies == node.topics["~/mask"].published and replies[0].instances[0].observed_fraction == 0.25
    figures = answers.figures()
    assert (figures["ok"], figures["rejected"], figures["last_answer"]) == (1, 0, "OK to 'red'")


def test_ids_are_those_of_objects_whatever_is_asked() -> None:
    node = Node()
    answers = outputs(node)
    for n, text in enumerate(("red", "green", "red")):
        answers.publish(Request("me", str(n), text, 0.0), found(text))
    ids = [{instance.id for instance in message.instances} for message in node.topics["~/mask"].published]
    assert ids == [{1}, {2}, {1}]


def test_without_vision_msgs_it_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_outputs, "vision_msgs", lambda: None)
    node, lines = Node(), []
    answers = AnswerOutputs(node, lines.append, pytest.fail)  # type: ignore[arg-type]
    for _ in range(2):
        answers.publish(Request("me", "1", "red", 0.0), found("red"))
    assert len(lines) == 1 and "vision_msgs is not installed" in lines[0] and "~/mask/detections" not in node.topics


def test_what_fails_beside_the_answer_is_said_and_holds_up_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any) -> None:
        raise ValueError("no such\ncolour")

    node, said = Node(), dict[str, str]()
    monkeypatch.setattr(answer_outputs, "mask_cloud", fail)
    answers = AnswerOutputs(node, lambda line: None, said.__setitem__)  # type: ignore[arg-type]
    answers.publish(Request("me", "1", "red", 0.0, reply=fail), found("red"))
    answers.poll()
    counts = {name: len(topic.published) for name, topic in node.topics.items()}
    assert counts.pop("~/mask/points") == 0 and set(counts.values()) == {1}
    assert said == {
        "the response of ~/segment": "the response of ~/segment could not be sent: ValueError: no such colour",
        "~/mask/points": "~/mask/points could not be sent: ValueError: no such colour",
    }
