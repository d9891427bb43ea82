"""What ``label`` shows while it runs: a bar, lines of JSON, or errors and warnings only."""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from mllm_for3d_ros.labeling.progress import Progress, Stage
from mllm_for3d_ros.labeling.runner import Listener

LINES_PER_SECOND = 2.0


class Output(ABC):
    """Shows progress, failures and warnings."""

    def listener(self) -> Listener:
        """For the run."""
        return Listener(self.progress, self.failed, self.warned)

    @abstractmethod
    def progress(self, progress: Progress) -> None:
        """A step was made."""

    def failed(self, path: Path, reason: str) -> None:
        """A recording was given up."""
        print(f"mllm-for3d: error: {path}: {reason}", file=sys.stderr, flush=True)

    def warned(self, path: Path, text: str) -> None:
        """Something of a recording was left out."""
        print(f"mllm-for3d: warning: {path}: {text}", file=sys.stderr, flush=True)

    @abstractmethod
    def close(self) -> None:
        """Nothing more will be shown."""


@contextmanager
def output(quiet: bool, json_lines: bool) -> Iterator[Output]:
    """What was asked for; the bar is shown on terminals only."""
    shown: Output = Quiet() if quiet else JsonLines() if json_lines else Bar()
    try:
        yield shown
    finally:
        shown.close()


class Quiet(Output):
    """Errors and warnings only."""

    def progress(self, progress: Progress) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class JsonLines(Output):
    """An object a line on standard output: ``event`` is progress, failed or warning."""

    def __init__(self) -> None:
        """Nothing has been told."""
        self._next, self._before = 0.0, (Stage.OPENING, "")

    def progress(self, progress: Progress) -> None:
        """A few times a second, and at every change of stage."""
        now, at = time.monotonic(), (progress.stage, progress.bag)
        if now < self._next and at == self._before:
            return
        self._next, self._before = now + 1 / LINES_PER_SECOND, at
        figures = {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(progress).items()}
        self._print({"event": "progress", **figures, "stage": progress.stage.name.lower()})

    def failed(self, path: Path, reason: str) -> None:
        """Also on standard error."""
        super().failed(path, reason)
        self._print({"event": "failed", "recording": str(path), "reason": reason})

    def warned(self, path: Path, text: str) -> None:
        """Also on standard error."""
        super().warned(path, text)
        self._print({"event": "warning", "recording": str(path), "text": text})

    def close(self) -> None:
        """Nothing: every line is out."""

    def _print(self, content: dict[str, object]) -> None:
        print(json.dumps(content, ensure_ascii=False), flush=True)


class Bar(Output):
    """One bar for the run: stage, frames a second, teacher calls, cache hits, time left."""

    def __init__(self) -> None:
        """The bar is drawn at the first step."""
        from tqdm import tqdm

        form = "{desc}: {percentage:3.0f}%|{bar}| {postfix}"
        self._tqdm = tqdm(total=1.0, disable=None, leave=False, bar_format=form, file=sys.stderr)

    def progress(self, progress: Progress) -> None:
        """Redrawn a few times a second at most."""
        if self._tqdm.disable:
            return
        self._tqdm.set_description_str(describe(progress), refresh=False)
        self._tqdm.set_postfix_str(figures(progress), refresh=False)
        self._tqdm.n = progress.progress
        self._tqdm.update(0)

    def failed(self, path: Path, reason: str) -> None:
        """Above the bar."""
        self._tqdm.clear()
        super().failed(path, reason)

    def warned(self, path: Path, text: str) -> None:
        """Above the bar."""
        self._tqdm.clear()
        super().warned(path, text)

    def close(self) -> None:
        """Take the bar away."""
        self._tqdm.close()


def describe(progress: Progress) -> str:
    """The recording and what is being done with it."""
    where = f"{progress.bag} ({progress.bag_index + 1}/{progress.bag_count})"
    if progress.stage == Stage.MAPPING:
        return f"{where} mapping {progress.frames_read}/{progress.frames_total}"
    if progress.stage == Stage.LABELLING:
        return f"{where} labelling {progress.labels_done}/{progress.labels_total}"
    return f"{where} {progress.stage.name.lower()}"


def figures(progress: Progress) -> str:
    """Rates, counts and the time left."""
    left = "" if progress.remaining_s is None else f", {clock(progress.remaining_s)} left"
    return (
        f"{progress.frames_per_s:.0f} frames/s, {progress.teacher_calls} teacher calls, "
        f"{progress.cache_hits} cache hits{left}"
    )


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours if there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
