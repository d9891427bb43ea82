"""A place for one run at a time, which is told to stop when the place is closed; no ROS here."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mllm_for3d_ros.errors import MLLMFor3DError


class RunRefused(MLLMFor3DError):
    """The place is closed or taken."""


class RunPlace:
    """Closed at first; safe for threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._stop: threading.Event | None = None  # of the runs since it was opened; None: it is closed
        self._taken = False
        self._waited_for_until = 0.0

    def open(self) -> None:
        """Let runs begin; one of before that is slow to end stays told to stop."""
        with self._changed:
            self._stop = threading.Event()

    @contextmanager
    def run(self) -> Iterator[threading.Event]:
        """The place, until the block is left; what it gives is set when the run is to stop.

        Raises:
            RunRefused: the node is not active, or there is another run.
        """
        with self._changed:
            if self._stop is None:
                raise RunRefused("the node is not active: activate it (ros2 lifecycle set), and ask again")
            if self._taken:
                raise RunRefused("another goal is being worked on: wait for its result, or cancel it")
            self._taken, stop = True, self._stop
        try:
            yield stop
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()

    def close(self, patience_s: float) -> bool:
        """Tell the run to stop and wait for its end, no longer than ``patience_s`` since the place was closed.

        Returns:
            Whether nothing runs any more.
        """
        with self._changed:
            if self._stop is not None:
                self._stop.set()
                self._stop = None
                self._waited_for_until = time.monotonic() + patience_s
            return self._changed.wait_for(lambda: not self._taken, max(0.0, self._waited_for_until - time.monotonic()))
