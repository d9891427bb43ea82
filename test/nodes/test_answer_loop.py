"""Desks and threads that answer: the student's, and beside it the teacher's."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mllm_for3d_ros.msg import Instruction
from mllm_for3d_ros.nodes.answer_loop import AnswerLoop, AnswerLoops
from mllm_for3d_ros.nodes.answers import Answer
from mllm_for3d_ros.nodes.instruction_desk import Request, Verdict
from mllm_for3d_ros.nodes.requests import Rejection
from mllm_for3d_ros.types import Status

PATIENCE_S = 60.0


class Maker:
    """Answers OK once it may."""

    def __init__(self) -> None:
        self.begun, self.may = threading.Event(), threading.Event()
        self.may.set()

    def make(self, request: Request, verdict: Verdict) -> Answer:
        self.begun.set()
        assert self.may.wait(PATIENCE_S)
        return Answer(Status.OK, verdict.value)


class Heard:
    """Collects what is said; asks for "trouble" cannot be said."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, Status]] = []
        self.errors: list[str] = []
        self._changed = threading.Condition()

    def say(self, request: Request, answer: Answer) -> None:
        if request.text == "trouble":
            raise OSError("no publisher")
        with self._changed:
            self.answers.append((request.id, answer.status))
            self._changed.notify_all()

    def failed(self, request: Request, error: Exception) -> None:
        with self._changed:
            self.errors.append(f"{request.id}: {error}")
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.answers) + len(self.errors) >= count, PATIENCE_S)


class Both:
    """A student and a teacher."""

    def __init__(self) -> None:
        self.heard, self.student, self.teacher = Heard(), Maker(), Maker()
        loops = [
            AnswerLoop(name, 4, maker, self.heard.say, self.heard.failed)  # type: ignore[arg-type]
            for name, maker in (("student", self.student), ("teacher", self.teacher))
        ]
        self.loops = AnswerLoops(*loops)
        self.loops.map_is(1)


@pytest.fixture
def both() -> Iterator[Both]:
    made = Both()
    yield made
    for maker in (made.student, made.teacher):
        maker.may.set()
    made.loops.close()


def request(name: str, **more: Any) -> Request:
    return Request("me", name, more.pop("text", "red"), time.monotonic(), **more)


def test_a_slow_teacher_holds_up_nobody_who_asks_the_student(both: Both) -> None:
    both.teacher.may.clear()
    both.loops.submit(request("slow", lifted=True))
    both.loops.submit(request("quick"))
    both.heard.wait_for(1)
    assert both.heard.answers == [("quick", Status.OK)]
    both.teacher.may.set()
    both.heard.wait_for(2)
    assert both.heard.answers[1] == ("slow", Status.OK)


def test_an_answer_that_cannot_be_said_does_not_end_the_thread(both: Both) -> None:
    both.loops.submit(request("bad", text="trouble"))
    both.loops.submit(request("good"))
    both.heard.wait_for(2)
    assert (both.heard.errors, both.heard.answers) == (["bad: no publisher"], [("good", Status.OK)])


def test_an_answer_that_takes_too_long_is_given_up_at_the_end(both: Both) -> None:
    both.teacher.may.clear()
    both.loops.submit(request("slow", lifted=True))
    both.teacher.begun.wait(PATIENCE_S)
    both.loops.submit(request("next", lifted=True))
    assert [r.id for r in both.loops.close()] == ["slow", "next"]
    both.teacher.may.set()
    assert both.heard.answers == []


def test_an_id_is_unique_over_both(both: Both) -> None:
    waits = {"min_version": 9, "timeout_s": 600.0}
    assert both.loops.submit(request("a", lifted=True, **waits)) == []
    assert [(r.id, r.lifted) for r in both.loops.submit(request("a", **waits))] == [("a", True)]
    assert both.loops.figures() == {"waiting": 1, "kept": 0}


def test_cancelling_names_what_is_gone(both: Both) -> None:
    waits = {"min_version": 9, "timeout_s": 600.0}
    for name in "abc":
        both.loops.submit(request(name, lifted=name == "a", **waits))
    cancel = Instruction(op=Instruction.OP_CANCEL, requester="me", id="a")
    assert [r.id for r in both.loops.cancel(cancel)] == ["a"]
    with pytest.raises(Rejection, match="'a' of this requester"):
        both.loops.cancel(cancel)
    everything = Instruction(op=Instruction.OP_CANCEL_ALL, requester="me")
    assert [r.id for r in both.loops.cancel(everything)] == ["b", "c"]
    with pytest.raises(Rejection, match="no instruction"):
        both.loops.cancel(everything)


def test_without_a_teacher_lifted_answers_are_refused() -> None:
    heard = Heard()
    loops = AnswerLoops(AnswerLoop("student", 4, Maker(), heard.say, heard.failed), None)  # type: ignore[arg-type]
    with pytest.raises(Rejection, match="set its parameter teacher"):
        loops.submit(request("a", lifted=True))
    loops.submit(request("b", min_version=9, timeout_s=600.0))
    assert [r.id for r in loops.close()] == ["b"]
