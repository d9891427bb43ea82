"""One thread behind a bounded queue: callbacks only hand over, the newest items win."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Worker(Generic[Item]):
    """Does ``work`` on items one after the other in a thread of its own.

    When more than ``capacity`` items wait, the oldest is dropped and counted; capacity 1 means that
    only the newest item waits. An exception of ``work`` goes to ``on_error`` and the thread goes on.

    Args:
        name: of the thread.
        work: called with one item at a time.
        on_error: called with the exception, in the worker's thread.
        capacity: items that may wait, at least 1.
    """

    def __init__(
        self, name: str, work: Callable[[Item], None], on_error: Callable[[Exception], None], capacity: int = 1
    ) -> None:
        self._work, self._on_error = work, on_error
        self._items: deque[Item] = deque()
        self._capacity = max(1, capacity)
        self._changed = threading.Condition()
        self._closed = False
        self._busy = False
        self._dropped = 0
        self._done = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Items that were pushed out by newer ones."""
        return self._dropped

    @property
    def done(self) -> int:
        """Items worked on, with or without success."""
        return self._done

    @property
    def backlog(self) -> int:
        """Items that wait or are being worked on."""
        with self._changed:
            return len(self._items) + self._busy

    @property
    def closed(self) -> bool:
        """Whether the worker was told to stop; long waits inside ``work`` should look at it."""
        return self._closed

    def offer(self, item: Item) -> bool:
        """Hand over an item; False if an older one had to be dropped for it."""
        with self._changed:
            full = len(self._items) >= self._capacity
            if full:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._changed.notify()
            return not full

    def clear(self) -> None:
        """Forget the waiting items, without counting them as dropped."""
        with self._changed:
            self._items.clear()

    def close(self, timeout: float = 2.0) -> list[Item]:
        """Stop after the present item, which is waited for no longer than ``timeout`` s; returns those that waited."""
        with self._changed:
            self._closed = True
            forgotten = list(self._items)
            self._items.clear()
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)
        return forgotten

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._closed)
                if self._closed:
                    return
                item = self._items.popleft()
                self._busy = True
            try:
                self._work(item)
            except Exception as error:  # whatever it is, the next item may be better
                self._on_error(error)
            with self._changed:
                self._busy = False
                self._done += 1
