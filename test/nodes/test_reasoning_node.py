"""The reasoning node in this process, without a middleware's help: what it copies, and what it lets go of."""

import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import rclpy
from rclpy.context import Context
from rclpy.lifecycle import TransitionCallbackReturn
from student_support import ColorStudent

from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.msg import Instruction, ReasoningMask
from mllm_for3d_ros.nodes.conversion import header_message
from mllm_for3d_ros.nodes.instruction_desk import Request
from mllm_for3d_ros.nodes.reasoning_node import ReasoningNode
from mllm_for3d_ros.types import Status

SUCCESS = TransitionCallbackReturn.SUCCESS
PATIENCE_S = 60.0


class Started:
    """An active node, and the models that it loaded."""

    def __init__(self, context: Context) -> None:
        self.models: list[weakref.ref[Answerer]] = []
        self.node = ReasoningNode(self._load, context=context)
        self.node.start()

    def _load(self, choice: object, say: object) -> Any:
        answerer = Answerer(ColorStudent())
        self.models.append(weakref.ref(answerer))
        return answerer


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    monkeypatch.setenv("ROS_DOMAIN_ID", "94")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = Context()
    rclpy.init(args=[], context=context)
    made = Started(context)
    yield made
    made.node.close()
    made.node.destroy_node()
    rclpy.try_shutdown(context=context)


def test_the_model_is_freed_at_once_when_the_node_is_deactivated(started: Started) -> None:
    gc.disable()
    try:
        assert started.models[0]() is not None
        assert started.node.trigger_deactivate() == SUCCESS
        assert started.models[0]() is None
    finally:
        gc.enable()
    assert started.node.trigger_activate() == SUCCESS and started.models[1]() is not None


def test_an_answer_that_cannot_even_be_called_a_failure_ends_nothing(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, answered = started.node._outputs, threading.Event()
    publish = outputs.publish

    def fail(request: Request, *more: Any) -> None:
        if request.id == "one":
            raise OSError("no publisher")
        publish(request, *more)

    monkeypatch.setattr(outputs, "publish", fail)
    for name in ("one", "two"):
        started.node.take_instruction(Instruction(id=name, text="a chair"), lambda mask: answered.set())
    assert answered.wait(PATIENCE_S)
    assert started.node.problems() == ["OSError: no publisher", "OSError: no publisher"]


@pytest.mark.parametrize("text", ["", "a chair"])
def test_every_answer_has_the_stamp_of_its_instruction(started: Started, text: str) -> None:
    answers: list[ReasoningMask] = []
    started.node.trigger_deactivate()
    message = Instruction(id="one", requester="me", text=text, header=header_message("", 1_500_000_000))
    started.node.take_instruction(message, answers.append)
    (answer,) = answers
    assert answer.status == (Status.NOT_READY if text else Status.REJECTED)
    assert (answer.instruction_stamp.sec, answer.instruction_stamp.nanosec) == (1, 500_000_000)
