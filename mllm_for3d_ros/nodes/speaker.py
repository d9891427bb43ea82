"""A logger that says the same thing only now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Speaker:
    """Warnings by topic of complaint, each at most once a period; repeats are counted and told with the next.

    Safe for threads.

    Args:
        say: takes a line, e.g. a logger's ``warning``.
        period_s: seconds between two lines of one key.
        clock: seconds that only grow.
    """

    def __init__(
        self, say: Callable[[str], object], period_s: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say, self.period_s, self._clock = say, period_s, clock
        self._last: dict[str, float] = {}
        self._silent: dict[str, int] = {}
        self._texts: dict[str, tuple[float, str]] = {}
        self._lock = threading.Lock()

    def warn(self, key: str, text: str) -> bool:
        """Say ``text`` unless something with this ``key`` was said within the period; True if said."""
        with self._lock:
            now = self._clock()
            self._texts[key] = now, one_line(text)
            if key in self._last and now - self._last[key] < self.period_s:
                self._silent[key] = self._silent.get(key, 0) + 1
                return False
            self._last[key] = now
            repeats = self._silent.pop(key, 0)
        self._say(one_line(text) + (f" (and {repeats} more times since the last such line)" if repeats else ""))
        return True

    def recent(self, seconds: float) -> list[str]:
        """The newest text of each key that there was reason to say within the last ``seconds``, said or not."""
        with self._lock:
            since = self._clock() - seconds
            self._texts = {key: (when, text) for key, (when, text) in self._texts.items() if when >= since}
            return [text for _, text in self._texts.values()]

    def error(self, key: str, error: BaseException) -> bool:
        """Say what an exception says."""
        return self.warn(key, describe(error))


def one_line(text: str) -> str:
    """``text`` with line ends and runs of blanks made one blank."""
    return " ".join(text.split())


def describe(error: BaseException) -> str:
    """An exception in one line; the type's name if it is not one of ours, or says nothing."""
    from mllm_for3d_ros.errors import MLLMFor3DError

    text = one_line(str(error))
    return text if isinstance(error, MLLMFor3DError) and text else f"{type(error).__name__}: {text}"
