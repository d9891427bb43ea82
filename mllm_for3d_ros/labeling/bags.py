"""The recordings of a run, one by one: each is labelled, or given up with the reason; here, or by whoever does it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.labeling.label_recording import RecordingRun, label_recording
from mllm_for3d_ros.labeling.progress import Progress, Tracker
from mllm_for3d_ros.labeling.proposals import Proposals
from mllm_for3d_ros.labeling.settings import LabelJob
from mllm_for3d_ros.recording.find import store_names
from mllm_for3d_ros.recording.reader import open_recording
from mllm_for3d_ros.teachers.cache import CachedTeacher

FAILURES = (MLLMFor3DError, OSError, ValueError, LookupError, ArithmeticError)
"""For which a recording is given up and the others go on: ours, and what damaged bytes still do to code that expects a
sound file."""
MakeTeacher = Callable[[Callable[[int], None]], CachedTeacher]
"""Makes the teacher, given who is to be told of answered views."""


@dataclass(frozen=True)
class Bag:
    """A recording of a job: its number from 0, its path, and the folder of its first scene."""

    index: int
    path: Path
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """What came of a recording: ``run``, or ``failure``, the reason in one line."""

    run: RecordingRun | None = None
    failure: str = ""


@dataclass(frozen=True)
class Spent:
    """Views sent to the teacher, views answered without it, and the teacher's own seconds."""

    teacher_calls: int = 0
    cache_hits: int = 0
    teacher_seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(
            self.teacher_calls + other.teacher_calls,
            self.cache_hits + other.cache_hits,
            self.teacher_seconds + other.teacher_seconds,
        )

    @classmethod
    def of(cls, teacher: CachedTeacher) -> Spent:
        """So far."""
        return cls(teacher.teacher_calls, teacher.cache_hits, teacher.teacher_seconds)


class Labeller(Protocol):
    """Labels the recordings of a job, here or elsewhere."""

    teacher: str
    """Fingerprint of who is asked."""

    def outcomes(self) -> Iterator[tuple[Bag, Outcome]]:
        """Every recording with what came of it, as they are finished.

        Raises:
            Cancelled: the run was asked to stop.
        """

    def spent(self) -> Spent:
        """So far, over all recordings."""

    def now(self) -> Progress:
        """How far the run is."""


class OneByOne:
    """Labels in this process, one recording after the other; follows ``Labeller``."""

    def __init__(
        self,
        job: LabelJob,
        make_teacher: MakeTeacher,
        tell: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """See ``runner.label_recordings``."""
        self._job = job
        self._tracker = Tracker(len(job.recordings), tell, cancelled)
        self._teacher = teacher = make_teacher(self._tracker.answered)
        self._tracker.calls = lambda: (teacher.teacher_calls, teacher.cache_hits)
        self.teacher = str(teacher.fingerprint)

    def outcomes(self) -> Iterator[tuple[Bag, Outcome]]:
        """See Labeller."""
        for bag in bags_of(self._job):
            self._tracker.begin(bag.folder.name, bag.index)
            yield bag, label_bag(self._job, bag, self._teacher, self._tracker)

    def spent(self) -> Spent:
        """See Labeller."""
        return Spent.of(self._teacher)

    def now(self) -> Progress:
        """See Labeller."""
        return self._tracker.now()


def bags_of(job: LabelJob) -> list[Bag]:
    """The recordings of a job with their folders."""
    names = store_names(job.recordings)
    return [Bag(i, path, job.out / name) for i, (path, name) in enumerate(zip(job.recordings, names, strict=True))]


def label_bag(job: LabelJob, bag: Bag, teacher: CachedTeacher, tracker: Tracker) -> Outcome:
    """Label a recording of a job; the tracker has begun with it.

    Raises:
        Cancelled: the tracker was asked to stop.
    """
    try:
        run = label_recording(
            bag.path,
            lambda: open_recording(bag.path, **job.settings.topics),
            job.asked,
            teacher,
            bag.folder,
            job.settings,
            tracker,
            Proposals(teacher, job.propose) if job.propose else None,
            job.overwrite,
        )
    except FAILURES as error:
        return Outcome(failure=reason_of(error))
    return Outcome(run)


def reason_of(error: Exception) -> str:
    """What to say of a recording that is given up for one of ``FAILURES``, in one line."""
    if isinstance(error, MLLMFor3DError):
        return str(error)
    return f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"
