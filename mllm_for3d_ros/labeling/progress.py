"""How far a run is: told to a callback, which a command line prints and an action publishes; and how it is stopped."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

MAPPING_SHARE = 0.3
"""Of the work on a recording, for the estimate of what is left; labelling is the rest."""


class Stage(enum.IntEnum):
    """What is being done; the numbers are those of the feedback of the action."""

    OPENING = 1
    MAPPING = 2
    PREPARING = 3
    LABELLING = 4
    REPORTING = 5


class Cancelled(Exception):
    """The run was asked to stop; what is finished is kept."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    bag, bag_index (from 0), bag_count: the recording at hand. frames_read, frames_total: of it. labels_done,
    labels_total: of the scene at hand. progress: 0..1 of the whole run. remaining_s: estimate, None at the start.
    """

    stage: Stage
    bag: str
    bag_index: int
    bag_count: int
    frames_read: int
    frames_total: int
    frames_per_s: float
    labels_done: int
    labels_total: int
    teacher_calls: int
    cache_hits: int
    progress: float
    elapsed_s: float
    remaining_s: float | None


class Tracker:
    """Keeps count, tells the callback after every step, and raises ``Cancelled`` when asked to stop."""

    def __init__(
        self,
        bag_count: int,
        tell: Callable[[Progress], None] = lambda progress: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """``cancelled`` is asked at every frame and after every lot of views."""
        self._tell, self._cancelled = tell, cancelled
        self._start = self._bag_start = time.monotonic()
        self._stage, self._bag, self._index, self._count = Stage.OPENING, "", 0, bag_count
        self._read = self._total = self._done = self._labels = 0
        self._mapping_s, self._since, self._reached = 0.0, self._start, 0.0
        self.calls: Callable[[], tuple[int, int]] = lambda: (0, 0)
        """Teacher calls and cache hits so far."""

    def begin(self, bag: str, index: int) -> None:
        """The next recording, number ``index`` from 0."""
        self._bag, self._index = bag, index
        self._read = self._total = self._done = self._labels = 0
        self._mapping_s = 0.0
        self.stage(Stage.OPENING)

    def stage(self, stage: Stage) -> None:
        """Something else is being done."""
        if self._stage == Stage.MAPPING:
            self._mapping_s += time.monotonic() - self._since
        self._stage, self._since = stage, time.monotonic()
        self._step()

    def frame(self, read: int, total: int) -> None:
        """So many frames of so many have been read."""
        self._read, self._total = read, max(total, read)
        self._step()

    def labels(self, done: int, total: int) -> None:
        """So many instructions of so many have a label in this scene."""
        self._done, self._labels = done, total
        self._step()

    def answered(self, views: int) -> None:
        """``views`` more have been answered."""
        self._step()

    def now(self) -> Progress:
        """How far the run is."""
        elapsed = time.monotonic() - self._start
        share = self._share()
        calls, hits = self.calls()
        mapping = self._mapping_s + (time.monotonic() - self._since if self._stage == Stage.MAPPING else 0.0)
        return Progress(
            self._stage,
            self._bag,
            self._index,
            self._count,
            self._read,
            self._total,
            self._read / mapping if mapping > 0 else 0.0,
            self._done,
            self._labels,
            calls,
            hits,
            share,
            elapsed,
            elapsed * (1 - share) / share if share > 0 else None,
        )

    def _share(self) -> float:
        read = self._read / self._total if self._total else 0.0
        done = self._done / self._labels if self._labels else 0.0
        # Labels belong to the part of the recording that has been read.
        bag = MAPPING_SHARE * read + (1 - MAPPING_SHARE) * read * done
        self._reached = max(self._reached, min((self._index + bag) / max(self._count, 1), 1.0))
        return self._reached

    def _step(self) -> None:
        self._tell(self.now())
        if self._cancelled():
            raise Cancelled
