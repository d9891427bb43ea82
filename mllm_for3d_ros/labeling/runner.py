"""A run over recordings: each is labelled or reported, ``run.json`` says what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mllm_for3d_ros.errors import LabelStoreError
from mllm_for3d_ros.files import write_whole
from mllm_for3d_ros.labeling.bags import Bag, Labeller, MakeTeacher, OneByOne, Outcome, bags_of
from mllm_for3d_ros.labeling.progress import Cancelled, Progress, Stage
from mllm_for3d_ros.labeling.settings import LabelJob
from mllm_for3d_ros.labeling.stores import locked
from mllm_for3d_ros.labeling.summary import CANCELLED, FINISHED, RUN_FILE, RunSummary, add_up
from mllm_for3d_ros.recording.bag_reader import DAMAGED


@dataclass(frozen=True)
class Listener:
    """Who is told: ``progress`` of every step, ``failed`` of a recording that was given up, ``warned`` of damage."""

    progress: Callable[[Progress], None] = lambda progress: None
    failed: Callable[[Path, str], None] = lambda path, reason: None
    warned: Callable[[Path, str], None] = lambda path, text: None


def label_recordings(
    job: LabelJob,
    make_teacher: MakeTeacher,
    listener: Listener | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> RunSummary:
    """Label the recordings of a job; one that fails is reported and the others go on.

    Args:
        job: what to do.
        make_teacher: the teacher, given who is to be told of answered views.
        listener: who is told how far it is.
        cancelled: asked at every frame and after every lot of views; True ends the run, what is finished stays.

    Raises:
        LabelStoreError: another run is writing to the same folder, it cannot be written to, or the report cannot.
        TeacherError, CheckpointError, CacheError: the teacher's name or weights, or the cache, cannot be used.
    """
    told = listener or Listener()
    return run_job(job, lambda: OneByOne(job, make_teacher, told.progress, cancelled), told)


def run_job(job: LabelJob, make_labeller: Callable[[], Labeller], listener: Listener) -> RunSummary:
    """Let a labeller do a job, and write what came of it; see ``label_recordings``, which does so in this process."""
    with locked(job.out):
        return _Run(job, make_labeller, listener).run()


class _Run:
    """The state of a run."""

    def __init__(self, job: LabelJob, make_labeller: Callable[[], Labeller], listener: Listener) -> None:
        self._job, self._listener, self._start = job, listener, time.perf_counter()
        self._labeller = make_labeller()
        self._outcomes: dict[int, Outcome] = {}

    def run(self) -> RunSummary:
        """Label, report, and write run.json."""
        status = FINISHED
        try:
            for bag, outcome in self._labeller.outcomes():
                self._outcomes[bag.index] = outcome
                self._tell(bag, outcome)
        except (Cancelled, KeyboardInterrupt) as stop:
            status = CANCELLED
            if isinstance(stop, KeyboardInterrupt):
                self._write(self._summary(status))
                raise
        summary = self._summary(status)
        self._write(summary)  # before the report, which may fail for want of space
        if (self._job.report or self._job.rerun) and status == FINISHED and summary.scenes:
            summary = self._report(summary)
            self._write(summary)
        return summary

    def _tell(self, bag: Bag, outcome: Outcome) -> None:
        if outcome.failure:
            self._listener.failed(bag.path, outcome.failure)
        for text in _damage(outcome):
            self._listener.warned(bag.path, text)

    def _report(self, summary: RunSummary) -> RunSummary:
        """Write pages and recordings, as the job says."""
        from mllm_for3d_ros.report.rerun_recording import write_recordings
        from mllm_for3d_ros.report.run_page import SCENE_PAGES, write_report

        self._listener.progress(replace(self._labeller.now(), stage=Stage.REPORTING))
        start = time.perf_counter()
        try:
            page = write_report(self._job.out, summary) if self._job.report else None
            if self._job.rerun:
                write_recordings(self._job.out / SCENE_PAGES, summary)
        except OSError as cause:
            raise LabelStoreError(f"the labels are finished, but no report can be written ({cause})") from cause
        stages = {**summary.stages, "report": round(time.perf_counter() - start, 4)}
        seconds = round(time.perf_counter() - self._start, 4)
        return replace(summary, stages=stages, seconds=seconds, report=str(page) if page else None)

    def _summary(self, status: str) -> RunSummary:
        """Recordings in the order of the job, in whichever they were finished."""
        known = [(bag.path, self._outcomes[bag.index]) for bag in bags_of(self._job) if bag.index in self._outcomes]
        scenes = tuple(outcome.run for _, outcome in known if outcome.run is not None)
        spent = self._labeller.spent()
        return RunSummary(
            status,
            self._labeller.teacher,
            spent.teacher_calls,
            spent.cache_hits,
            round(time.perf_counter() - self._start, 4),
            add_up(scenes, round(spent.teacher_seconds, 4)),
            scenes,
            {str(path): outcome.failure for path, outcome in known if outcome.failure},
            tuple(f"{path}: {text}" for path, outcome in known for text in _damage(outcome)),
        )

    def _write(self, summary: RunSummary) -> None:
        content = json.dumps(summary.as_json(), indent=1, ensure_ascii=False) + "\n"
        write_whole(self._job.out / RUN_FILE, content.encode("utf-8"))


def _damage(outcome: Outcome) -> list[str]:
    """A line for each kind of damage that was left out of a recording."""
    left_out = outcome.run.left_out if outcome.run is not None else {}
    return [f"left out {count} x {reason}" for reason, count in left_out.items() if reason.startswith(DAMAGED)]
