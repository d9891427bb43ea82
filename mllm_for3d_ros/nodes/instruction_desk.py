"""Where instructions wait for their turn and for the map they need; no ROS here."""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import MLLMFor3DError


class DeskFull(MLLMFor3DError):
    """Too many instructions wait."""


@dataclass(frozen=True)
class Posed:
    """A pose [4, 4] in a frame (empty: that of the map) at a time (0: when it is used)."""

    pose: np.ndarray
    frame_id: str = ""
    stamp_ns: int = 0


@dataclass(frozen=True)
class Request:
    """A valid instruction.

    key (requester, id) names it. stamp_ns: its header's. arrived: monotonic seconds. timeout_s: how
    long it may wait for its answer, and with that for a map of at least ``min_version``; 0: not for a map. keep:
    answer again whenever the map changes. sequence: number of the answer. viewpoint: of whoever asks. region,
    region_size: centre, axes and full extents m of the box that is searched. reply: takes the answer, beside the
    topics.
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
    lifted: bool = False
    sequence: int = 0
    viewpoint: Posed | None = field(default=None, compare=False)
    region: Posed | None = field(default=None, compare=False)
    region_size: tuple[float, float, float] = (0.0, 0.0, 0.0)
    reply: Callable[[Any], object] | None = field(default=None, compare=False)

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

    A request is ready when the map has the version it asks for; others do not hold up those behind. First
    answers go before the repeated ones of requests that are kept.

    Args:
        capacity: requests that may wait for their first answer, and that may be kept.
        clock: monotonic seconds.
    """

    def __init__(self, capacity: int = 32, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity, self._clock = capacity, clock
        self._new: list[Request] = []
        self._again: list[Request] = []
        self._kept: dict[tuple[str, str], Request] = {}
        self._version: int | None = None
        self._changed = threading.Condition()
        self._closed = False

    @property
    def waiting(self) -> int:
        """Requests that wait, for their first answer or for a repeated one."""
        return len(self._new) + len(self._again)

    @property
    def kept(self) -> int:
        """Requests that are answered on every change of the map."""
        return len(self._kept)

    def submit(self, request: Request) -> list[Request]:
        """Take a request; one with the key of an earlier one takes its place.

        Returns:
            What it took the place of before there was an answer.

        Raises:
            DeskFull: as many as ``capacity`` wait, or are kept.
        """
        with self._changed:
            replaced = [r for r in self._new if r.key == request.key]
            kept = {key: r for key, r in self._kept.items() if key != request.key}
            if len(self._new) - len(replaced) >= self._capacity or (request.keep and len(kept) >= self._capacity):
                raise DeskFull(
                    f"{self._capacity} instructions wait or are kept already: cancel some, or send this later"
                )
            self._forget({request.key})
            self._new.append(request)
            if request.keep:
                self._kept[request.key] = request
            self._changed.notify_all()
            return replaced

    def cancel(self, requester: str, instruction_id: str) -> list[Request]:
        """Forget one request; returns it, or nothing if it was not there."""
        return self._remove(lambda r: r.key == (requester, instruction_id))

    def cancel_all(self, requester: str) -> list[Request]:
        """Forget all requests of a requester, or of everybody if it is empty; returns them."""
        return self._remove(lambda r: requester in ("", r.requester))

    def _remove(self, matches: Callable[[Request], bool]) -> list[Request]:
        with self._changed:
            gone = {r.key: r for r in [*self._kept.values(), *self._new] if matches(r)}
            self._forget(set(gone))
            self._changed.notify_all()
            return list(gone.values())

    def _forget(self, keys: set[tuple[str, str]]) -> None:
        self._new = [r for r in self._new if r.key not in keys]
        self._again = [r for r in self._again if r.key not in keys]
        self._kept = {key: r for key, r in self._kept.items() if key not in keys}

    def map_is(self, version: int | None) -> None:
        """Tell the version of the map that can be answered on now (None: there is none)."""
        with self._changed:
            self._version = version
            if version is not None:
                busy = {r.key for r in [*self._new, *self._again]}
                again = [r for key, r in self._kept.items() if r.sequence and key not in busy]
                self._again += [replace(r, arrived=self._clock()) for r in again]
            self._changed.notify_all()

    def next(self) -> tuple[Request, Verdict] | None:
        """The next request whose turn has come; blocks until there is one, None once closed."""
        with self._changed:
            while not self._closed:
                now = self._clock()
                for queue in (self._new, self._again):
                    for place, request in enumerate(queue):
                        if verdict := self._verdict(request, now):
                            del queue[place]
                            if request.key in self._kept:
                                self._kept[request.key] = replace(request, sequence=request.sequence + 1)
                            return request, verdict
                deadlines = [r.deadline for r in [*self._new, *self._again]]
                self._changed.wait(max(0.0, min(deadlines) - now) if deadlines else None)
            return None

    def _verdict(self, request: Request, now: float) -> Verdict | None:
        if request.timeout_s > 0 and now >= request.deadline:
            return Verdict.TIMEOUT
        if self._version is not None and self._version >= request.min_version:
            return Verdict.ANSWER
        return Verdict.NOT_READY if request.timeout_s <= 0 else None

    def close(self) -> list[Request]:
        """Wake up ``next`` for good; returns the requests that got no answer at all."""
        with self._changed:
            self._closed = True
            unanswered, self._new = self._new, []
            self._changed.notify_all()
            return unanswered
