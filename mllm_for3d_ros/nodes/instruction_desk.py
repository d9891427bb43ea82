"""Where instructions wait for their turn and for the map they need; no ROS here."""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mllm_for3d_ros.errors import MLLMFor3DError


class DeskFull(MLLMFor3DError):
    """Too many instructions wait."""


@dataclass(frozen=True)
class Request:
    """A valid instruction.

    key (requester, id) names it. stamp_ns: its header's. arrived: monotonic seconds. timeout_s: how
    long it may wait for a map of at least ``min_version``, 0: not at all. keep: answer again whenever
    the map changes. sequence: number of the answer. viewpoint: x m, y m and yaw rad of whoever asks, in
    ``viewpoint_frame`` (empty: the map's frame).
    """

    requester: str
    id: str
    text: str
    arrived: float
    stamp_ns: int = 0
    threshold: float = 0.0
    max_instances: int = 0
    min_version: int = 0
    timeout_s: float = 0.0
    include_points: bool = False
    keep: bool = False
    sequence: int = 0
    viewpoint: tuple[float, float, float] | None = None
    viewpoint_frame: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Who asked, and the instruction's id."""
        return self.requester, self.id

    @property
    def deadline(self) -> float:
        """Monotonic seconds until when it waits."""
        return self.arrived + self.timeout_s


class Verdict(enum.Enum):
    """What to do with a request that has come to its turn."""

    ANSWER = "answer"
    NOT_READY = "not ready"
    TIMEOUT = "timeout"


class InstructionDesk:
    """A queue of requests; safe for threads.

    A request is ready when the map has the version it asks for; others do not hold up those behind.

    Args:
        capacity: requests that may wait, and that may be kept.
        clock: monotonic seconds.
    """

    def __init__(self, capacity: int = 32, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity, self._clock = capacity, clock
        self._waiting: list[Request] = []
        self._kept: dict[tuple[str, str], Request] = {}
        self._version: int | None = None
        self._changed = threading.Condition()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    @property
    def kept(self) -> int:
        """Requests that are answered on every change of the map."""
        return len(self._kept)

    def submit(self, request: Request) -> None:
        """Take a request; one with the key of an earlier one takes its place.

        Raises:
            DeskFull: as many as ``capacity`` wait, or are kept.
        """
        with self._changed:
            waiting = [r for r in self._waiting if r.key != request.key]
            kept = {key: r for key, r in self._kept.items() if key != request.key}
            if len(waiting) >= self._capacity or (request.keep and len(kept) >= self._capacity):
                raise DeskFull(
                    f"{self._capacity} instructions wait or are kept already: cancel some, or send this later"
                )
            self._waiting, self._kept = [*waiting, request], kept
            if request.keep:
                self._kept[request.key] = request
            self._changed.notify_all()

    def cancel(self, requester: str, instruction_id: str) -> list[Request]:
        """Forget one request; returns it, or nothing if it was not there."""
        return self._remove(lambda r: r.key == (requester, instruction_id))

    def cancel_all(self, requester: str) -> list[Request]:
        """Forget all requests of a requester, or of everybody if it is empty; returns them."""
        return self._remove(lambda r: requester in ("", r.requester))

    def _remove(self, matches: Callable[[Request], bool]) -> list[Request]:
        with self._changed:
            gone = {r.key: r for r in [*self._kept.values(), *self._waiting] if matches(r)}
            self._waiting = [r for r in self._waiting if r.key not in gone]
            self._kept = {key: r for key, r in self._kept.items() if key not in gone}
            self._changed.notify_all()
            return list(gone.values())

    def map_is(self, version: int | None) -> None:
        """Tell the version of the map that can be answered on now (None: there is none)."""
        with self._changed:
            self._version = version
            if version is not None:
                busy = {r.key for r in self._waiting}
                again = [r for key, r in self._kept.items() if r.sequence and key not in busy]
                self._waiting += [replace(r, arrived=self._clock()) for r in again]
            self._changed.notify_all()

    def next(self) -> tuple[Request, Verdict] | None:
        """The next request whose turn has come; blocks until there is one, None once closed."""
        with self._changed:
            while not self._closed:
                now = self._clock()
                for place, request in enumerate(self._waiting):
                    verdict = self._verdict(request, now)
                    if verdict is not None:
                        del self._waiting[place]
                        if request.key in self._kept:
                            self._kept[request.key] = replace(request, sequence=request.sequence + 1)
                        return request, verdict
                deadlines = [r.deadline for r in self._waiting]
                self._changed.wait(max(0.0, min(deadlines) - now) if deadlines else None)
            return None

    def _verdict(self, request: Request, now: float) -> Verdict | None:
        if self._version is not None and self._version >= request.min_version:
            return Verdict.ANSWER
        if request.timeout_s <= 0:
            return Verdict.NOT_READY
        return Verdict.TIMEOUT if now >= request.deadline else None

    def close(self) -> None:
        """Wake up ``next`` for good."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
