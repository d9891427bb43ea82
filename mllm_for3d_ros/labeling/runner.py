"""A run over recordings: each is labelled or reported, ``run.json`` says what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.files import write_whole
from mllm_for3d_ros.labeling.label_recording import RecordingRun, label_recording
from mllm_for3d_ros.labeling.progress import Cancelled, Progress, Stage, Tracker
from mllm_for3d_ros.labeling.proposals import Proposals
from mllm_for3d_ros.labeling.settings import LabelJob
from mllm_for3d_ros.labeling.stores import delete_stores, locked
from mllm_for3d_ros.labeling.summary import CANCELLED, FINISHED, RUN_FILE, RunSummary, add_up
from mllm_for3d_ros.recording.bag_reader import DAMAGED
from mllm_for3d_ros.recording.find import store_names
from mllm_for3d_ros.recording.reader import open_recording
from mllm_for3d_ros.teachers.cache import CachedTeacher


@dataclass(frozen=True)
class Listener:
    """Who is told: ``progress`` of every step, ``failed`` of a recording that was given up, ``warned`` of damage."""

    progress: Callable[[Progress], None] = lambda progress: None
    failed: Callable[[Path, str], None] = lambda path, reason: None
    warned: Callable[[Path, str], None] = lambda path, text: None


def label_recordings(
    job: LabelJob,
    make_teacher: Callable[[Callable[[int], None]], CachedTeacher],
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
        LabelStoreError: another run is writing to the same folder.
        TeacherError, CheckpointError, CacheError: the teacher's name or weights, or the cache, cannot be used.
    """
    with locked(job.out):
        return _Run(job, make_teacher, listener or Listener(), cancelled).run()


class _Run:
    """The state of a run."""

    def __init__(
        self,
        job: LabelJob,
        make_teacher: Callable[[Callable[[int], None]], CachedTeacher],
        listener: Listener,
        cancelled: Callable[[], bool],
    ) -> None:
        self._job, self._listener, self._start = job, listener, time.perf_counter()
        self._tracker = Tracker(len(job.recordings), listener.progress, cancelled)
        self._teacher = teacher = make_teacher(self._tracker.answered)
        self._tracker.calls = lambda: (teacher.teacher_calls, teacher.cache_hits)
        self._proposals = Proposals(teacher, job.propose) if job.propose else None
        self._scenes: list[RecordingRun] = []
        self._failed: dict[str, str] = {}
        self._warnings: list[str] = []

    def run(self) -> RunSummary:
        """Label one recording after the other."""
        status = FINISHED
        try:
            for index, (path, name) in enumerate(
                zip(self._job.recordings, store_names(self._job.recordings), strict=True)
            ):
                self._tracker.begin(name, index)
                self._one(path, self._job.out / name)
        except (Cancelled, KeyboardInterrupt) as stop:
            status = CANCELLED
            if isinstance(stop, KeyboardInterrupt):
                self._write(self._summary(status))
                raise
        summary = self._summary(status)
        if self._job.report and status == FINISHED and self._scenes:
            summary = self._report(summary)
        self._write(summary)
        return summary

    def _one(self, path: Path, folder: Path) -> None:
        if self._job.overwrite:
            delete_stores(folder)
        try:
            scene = label_recording(
                path,
                lambda: open_recording(path, **self._job.settings.topics),
                self._job.asked,
                self._teacher,
                folder,
                self._job.settings,
                self._tracker,
                self._proposals,
            )
        except MLLMFor3DError as error:
            self._give_up(path, str(error))
        except (OSError, ValueError, LookupError, ArithmeticError) as error:
            # What damaged bytes still do to code that expects a sound file; the other recordings go on.
            self._give_up(path, f"unexpected {type(error).__name__}: {' '.join(str(error).split())}")
        else:
            self._scenes.append(scene)
            for reason, count in scene.left_out.items():
                if reason.startswith(DAMAGED):
                    self._warn(path, f"left out {count} x {reason}")

    def _give_up(self, path: Path, reason: str) -> None:
        self._failed[str(path)] = reason
        self._listener.failed(path, reason)

    def _warn(self, path: Path, text: str) -> None:
        self._warnings.append(f"{path}: {text}")
        self._listener.warned(path, text)

    def _report(self, summary: RunSummary) -> RunSummary:
        from mllm_for3d_ros.report.run_page import write_report

        self._tracker.stage(Stage.REPORTING)
        start = time.perf_counter()
        page = write_report(self._job.out, summary)
        stages = {**summary.stages, "report": round(time.perf_counter() - start, 4)}
        seconds = round(time.perf_counter() - self._start, 4)
        return replace(summary, stages=stages, seconds=seconds, report=str(page))

    def _summary(self, status: str) -> RunSummary:
        return RunSummary(
            status,
            str(self._teacher.fingerprint),
            self._teacher.teacher_calls,
            self._teacher.cache_hits,
            round(time.perf_counter() - self._start, 4),
            add_up(self._scenes, round(self._teacher.teacher_seconds, 4)),
            tuple(self._scenes),
            dict(self._failed),
            tuple(self._warnings),
        )

    def _write(self, summary: RunSummary) -> None:
        content = json.dumps(summary.as_json(), indent=1, ensure_ascii=False) + "\n"
        write_whole(self._job.out / RUN_FILE, content.encode("utf-8"))
