"""An instruction desk and the thread that serves it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mllm_for3d_ros.nodes.answers import Answer, AnswerMaker
from mllm_for3d_ros.nodes.instruction_desk import InstructionDesk, Request

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
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (turn := self.desk.next()) is not None:
            request, verdict = turn
            try:
                self._say(request, self._maker.make(request, verdict))
            except Exception as error:  # the next instruction may fare better
                self._on_error(request, error)

    def close(self) -> list[Request]:
        """Stop after the present answer; returns the requests that got none."""
        unanswered = self.desk.close()
        self._thread.join(_JOIN_S)
        return unanswered
