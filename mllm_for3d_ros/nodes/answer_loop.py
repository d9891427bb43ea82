"""Instruction desks and the threads that serve them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from mllm_for3d_ros.msg import Instruction
from mllm_for3d_ros.nodes.answers import Answer, AnswerMaker
from mllm_for3d_ros.nodes.instruction_desk import InstructionDesk, Request
from mllm_for3d_ros.nodes.requests import MAX_NAME, Rejection

_JOIN_S = 2.0


class AnswerLoop:
    """Answers the requests that are submitted to ``desk``, one after the other.

    Args:
        name: of the thread.
        capacity: of the desk.
        maker: makes the answers.
        say: takes each of them.
        on_error: called with a request whose answer could not be said, and the exception.
    """

    def __init__(
        self,
        name: str,
        capacity: int,
        maker: AnswerMaker,
        say: Callable[[Request, Answer], None],
        on_error: Callable[[Request, Exception], None],
    ) -> None:
        self.desk = InstructionDesk(capacity)
        self._maker, self._say, self._on_error = maker, say, on_error
        self._saying = threading.Lock()
        self._present: Request | None = None
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (turn := self.desk.next()) is not None:
            self._present, verdict = turn
            answer = self._maker.make(self._present, verdict)
            with self._saying:
                if self._abandoned:
                    return
                self._tell(self._present, answer)
                self._present = None

    def _tell(self, request: Request, answer: Answer) -> None:
        try:
            self._say(request, answer)
        except Exception as error:  # the next instruction may fare better
            self._on_error(request, error)

    def close(self) -> list[Request]:
        """Stop after the present answer, or without it if it takes long; returns the requests that got none."""
        unanswered = self.desk.close()
        self._thread.join(_JOIN_S)
        with self._saying:
            self._abandoned = True
            return unanswered if self._present is None else [self._present, *unanswered]


class AnswerLoops:
    """The loops of a node: that of the student, and where there is a teacher, that of lifted answers.

    A slow teacher holds up nobody who asks the student.
    """

    def __init__(self, student: AnswerLoop, lifted: AnswerLoop | None) -> None:
        self._student, self._lifted = student, lifted

    @property
    def _all(self) -> Sequence[AnswerLoop]:
        return [self._student] if self._lifted is None else [self._student, self._lifted]

    def submit(self, request: Request) -> list[Request]:
        """Queue a request; returns those that it took the place of before there was an answer.

        Raises:
            DeskFull: too many wait or are kept.
            Rejection: it is for the teacher, and there is none.
        """
        if not request.lifted:
            chosen, other = self._student, self._lifted
        elif self._lifted is not None:
            chosen, other = self._lifted, self._student
        else:
            why = "this node has no 2D teacher: set its parameter teacher, or use METHOD_AUTO or METHOD_STUDENT"
            raise Rejection("method_unavailable", why)
        replaced = chosen.desk.submit(request)
        return replaced if other is None else replaced + other.desk.cancel(*request.key)

    def cancel(self, message: Any) -> list[Request]:
        """Forget what an Instruction with op CANCEL or CANCEL_ALL names; returns it.

        Raises:
            Rejection: nothing of that waits or is kept.
        """
        if message.op == Instruction.OP_CANCEL:
            gone = [gone for loop in self._all for gone in loop.desk.cancel(message.requester, message.id)]
            why = f"no instruction {message.id[:MAX_NAME]!r} of this requester waits: check id and requester"
        else:
            gone = [gone for loop in self._all for gone in loop.desk.cancel_all(message.requester)]
            why = "no instruction of this requester waits"
        if not gone:
            raise Rejection("nothing_to_cancel", why)
        return gone

    def map_is(self, version: int | None) -> None:
        """See ``InstructionDesk.map_is``."""
        for loop in self._all:
            loop.desk.map_is(version)

    def figures(self) -> dict[str, object]:
        """For the diagnostics: requests that wait, and that are kept."""
        return {
            "waiting": sum(loop.desk.waiting for loop in self._all),
            "kept": sum(loop.desk.kept for loop in self._all),
        }

    def close(self) -> list[Request]:
        """Stop all; returns the requests that got no answer."""
        return [unanswered for loop in self._all for unanswered in loop.close()]
