"""How long the stages of a node's work take."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_KEPT = 256


class StageTimes:
    """Keeps the last times of each stage, and gives their medians and 95th percentiles; safe for threads."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def add(self, stage: str, seconds: float) -> None:
        """Note that ``stage`` took ``seconds`` once."""
        with self._lock:
            self._seconds.setdefault(stage, deque(maxlen=_KEPT)).append(seconds)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Note how long the block takes, unless it raises."""
        started = time.perf_counter()
        yield
        self.add(stage, time.perf_counter() - started)

    def figures(self) -> dict[str, str]:
        """For the diagnostics: ``<stage>_ms_p50`` and ``<stage>_ms_p95`` of every stage so far."""
        with self._lock:
            kept = {stage: list(seconds) for stage, seconds in self._seconds.items()}
        found: dict[str, str] = {}
        for stage, seconds in kept.items():
            for percentile in (50, 95):
                found[f"{stage}_ms_p{percentile}"] = f"{1000 * np.percentile(seconds, percentile):.1f}"
        return found
