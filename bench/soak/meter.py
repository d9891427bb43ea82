"""CPU time and memory of processes, as Linux counts them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_WINDOW_SHARE, _LEAST_WINDOW_S = 0.05, 2.0


@dataclass(frozen=True)
class Sample:
    """at: seconds since the meter began. cpu_s: user and system time of the process so far. memory: resident bytes."""

    at: float
    cpu_s: float
    memory: int


@dataclass(frozen=True)
class Usage:
    """cpu: cores used on average. memory_mib: resident at the end. memory_growth: share, from the settled state on."""

    cpu: float
    memory_mib: float
    memory_growth: float


def read_sample(pid: int, at: float) -> Sample:
    """What process ``pid`` has used.

    Raises:
        ProcessLookupError: it has ended.
    """
    try:
        # the name in parentheses may hold spaces; field 14 and 15 of proc(5) are the 12th and 13th after it
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except FileNotFoundError as error:
        raise ProcessLookupError(f"process {pid} has ended") from error
    return Sample(at, (int(fields[11]) + int(fields[12])) * _TICK_S, pages * os.sysconf("SC_PAGE_SIZE"))


class Meter:
    """Samples processes by name; ``sample`` is called about once a second."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        """``processes``: pid by name."""
        self._processes, self._start = dict(processes), time.monotonic()
        self._samples: dict[str, list[Sample]] = {name: [] for name in processes}
        self.sample()

    def sample(self) -> None:
        """Read all of them now."""
        at = time.monotonic() - self._start
        for name, pid in self._processes.items():
            self._samples[name].append(read_sample(pid, at))

    def usage(self, settle_s: float) -> dict[str, Usage]:
        """By name; memory grows from ``settle_s`` on."""
        return {name: usage_of(samples, settle_s) for name, samples in self._samples.items()}


def usage_of(samples: list[Sample], settle_s: float) -> Usage:
    """Of one process, sampled at least twice: medians of a window after ``settle_s`` and of one at the end."""
    first, last = samples[0], samples[-1]
    window = max(_LEAST_WINDOW_S, _WINDOW_SHARE * last.at)
    settled = [s.memory for s in samples if settle_s <= s.at <= settle_s + window] or [last.memory]
    final = [s.memory for s in samples if s.at >= last.at - window]
    before, after = float(np.median(settled)), float(np.median(final))
    return Usage((last.cpu_s - first.cpu_s) / (last.at - first.at), after / 2**20, after / before - 1)
