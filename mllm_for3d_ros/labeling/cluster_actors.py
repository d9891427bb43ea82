"""What runs on a Ray cluster: the desk that all workers of a run share, teachers on GPUs, and a worker's bag.

Imported by Ray's workers; ``cluster`` is the other end. Nothing here imports ray before it runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from mllm_for3d_ros.labeling.bags import Bag, Outcome, Spent, label_bag
from mllm_for3d_ros.labeling.progress import Cancelled, Progress, Tracker
from mllm_for3d_ros.labeling.settings import LabelJob
from mllm_for3d_ros.teachers.base import Fingerprint, Teacher
from mllm_for3d_ros.teachers.cache import AnswerCache
from mllm_for3d_ros.teachers.cache.cached_teacher import TeacherSource
from mllm_for3d_ros.types import Frame, ViewAnswer

REPORT_S = 0.5
"""How often a worker says how far it is, and asks whether to stop."""


class Desk:
    """An actor on the machine of the run: the answer cache, how far each recording is, and whether to stop."""

    def __init__(self, cache: Path) -> None:
        """Open the answer cache in the folder ``cache``, which is on a disk of this machine."""
        self._cache = AnswerCache(cache)
        self._progress: dict[int, Progress] = {}
        self._stop = False

    def answers(self, method: str, *arguments: Any) -> Any:
        """What a method of the cache returns."""
        return getattr(self._cache, method)(*arguments)

    def report(self, index: int, progress: Progress) -> bool:
        """Take note of how far a recording is; returns whether to stop."""
        self._progress.pop(index, None)
        self._progress[index] = progress
        return self._stop

    def progress(self) -> dict[int, Progress]:
        """How far each recording is, the one heard of last at the end."""
        return dict(self._progress)

    def stop(self) -> None:
        """Ask all workers to stop."""
        self._stop = True


class TeacherActor:
    """An actor that holds a GPU and answers for all workers that are given it."""

    def __init__(self, source: TeacherSource) -> None:
        """The teacher of ``source`` is loaded at the first call, so that its errors reach who asks."""
        self._source = source

    @cached_property
    def _teacher(self) -> Teacher:
        return self._source.load()

    def token_dim(self) -> int:
        """See Teacher."""
        return self._teacher.token_dim

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """See Teacher."""
        return self._teacher.answer(frames, instruction)

    def propose(self, images: Sequence[np.ndarray], count: int) -> list[str]:
        """See Proposer; the command line lets no teacher through that cannot."""
        return self._teacher.propose(images, count)  # type: ignore[attr-defined]


class RemoteTeacher:
    """A ``TeacherActor`` as a teacher."""

    def __init__(self, actor: Any, fingerprint: Fingerprint) -> None:
        self._actor = actor
        self.fingerprint = fingerprint
        self.token_dim: int = fetch(actor.token_dim.remote())

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """See Teacher."""
        answers: list[ViewAnswer] = fetch(self._actor.answer.remote(list(frames), instruction))
        return answers

    def propose(self, images: Sequence[np.ndarray], count: int) -> list[str]:
        """See Proposer."""
        texts: list[str] = fetch(self._actor.propose.remote(list(images), count))
        return texts


class RemoteAnswers:
    """The desk's answer cache; follows ``Answers``."""

    def __init__(self, desk: Any, folder: Path) -> None:
        self.folder = folder
        self._desk = desk

    def get(self, fingerprint: Fingerprint, instruction: str, images: Sequence[bytes]) -> dict[bytes, ViewAnswer]:
        """See AnswerCache."""
        found: dict[bytes, ViewAnswer] = self._ask("get", fingerprint, instruction, images)
        return found

    def put(self, fingerprint: Fingerprint, instruction: str, answers: Mapping[bytes, ViewAnswer]) -> None:
        """See AnswerCache."""
        self._ask("put", fingerprint, instruction, answers)

    def token_dim(self, fingerprint: Fingerprint) -> int | None:
        """See AnswerCache."""
        known: int | None = self._ask("token_dim", fingerprint)
        return known

    def keep_token_dim(self, fingerprint: Fingerprint, token_dim: int) -> None:
        """See AnswerCache."""
        self._ask("keep_token_dim", fingerprint, token_dim)

    def _ask(self, method: str, *arguments: Any) -> Any:
        return fetch(self._desk.answers.remote(method, *arguments))


class _Reporter:
    """Tells the desk how far a recording is, now and then, and hears whether to stop."""

    def __init__(self, desk: Any, bag: Bag) -> None:
        self._desk, self._index = desk, bag.index
        self._last: Progress | None = None
        self._next, self._stop = 0.0, False

    def tell(self, progress: Progress) -> None:
        """Called by the tracker before it asks ``cancelled``."""
        self._last = progress

    def cancelled(self) -> bool:
        """Whether to stop, as of the last report."""
        if time.monotonic() >= self._next and self._last is not None:
            self._stop = fetch(self._desk.report.remote(self._index, self._last))
            self._next = time.monotonic() + REPORT_S
        return self._stop


def label_on_worker(
    job: LabelJob, bag: Bag, source: TeacherSource, desk: Any, cache: Path, actor: Any | None, home: Path
) -> tuple[Outcome | None, Spent]:
    """Label a recording; None if the run was asked to stop.

    Args:
        job: what to do.
        bag: the recording of it.
        source: of the teacher.
        desk: of the run.
        cache: the desk's folder, for messages.
        actor: the teacher on a GPU; None loads it in this process.
        home: the folder that relative paths are meant from.
    """
    try:
        os.chdir(home)
    except OSError as error:
        return Outcome(failure=_not_shared(home, error)), Spent()
    if not job.out.is_dir():
        return Outcome(failure=_not_shared(job.out, "no such folder")), Spent()
    reporter = _Reporter(desk, bag)
    tracker = Tracker(1, reporter.tell, reporter.cancelled)
    if actor is not None:
        source = replace(source, load=partial(RemoteTeacher, actor, source.fingerprint))
    teacher = source.cached(RemoteAnswers(desk, cache), tracker.answered)
    tracker.calls = lambda: (teacher.teacher_calls, teacher.cache_hits)
    try:
        tracker.begin(bag.folder.name, 0)
        return label_bag(job, bag, teacher, tracker), Spent.of(teacher)
    except Cancelled:
        return None, Spent.of(teacher)


def fetch(reference: Any) -> Any:
    """What a call of an actor returns; its error is raised as it was there."""
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


def _not_shared(path: Path, why: object) -> str:
    node = os.uname().nodename
    return f"{path} cannot be reached from the Ray node {node} ({why}); all nodes must see the same files"
