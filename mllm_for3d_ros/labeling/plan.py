"""What a run would do, without doing it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mllm_for3d_ros.labeling.bags import FAILURES, reason_of
from mllm_for3d_ros.labeling.label_recording import size_of
from mllm_for3d_ros.labeling.settings import LabelJob
from mllm_for3d_ros.labeling.stores import Stores
from mllm_for3d_ros.labeling.summary import RUN_FILE
from mllm_for3d_ros.lifting.label_store import Provenance
from mllm_for3d_ros.recording.find import store_names
from mllm_for3d_ros.recording.reader import open_recording

MS_PER_FRAME = 25.0
"""Taken where the folder has no run.json to learn from."""


@dataclass(frozen=True)
class PlannedRecording:
    """What would be done with a recording.

    frames: to be read, 0 if nothing is to be done. labels: to be made. most_calls: views that the teacher is asked
    about at most, if the map is one scene; answers in the cache and answers that are settled early make it fewer.
    problem: why it would fail, or None.
    """

    path: str
    store: str
    frames: int
    labels: int
    most_calls: int
    problem: str | None = None


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    seconds: estimate beside the teacher. teacher_seconds: of the teacher for ``most_calls``, None where no earlier
    run of it in the folder tells how long it takes.
    """

    teacher: str
    recordings: tuple[PlannedRecording, ...]
    seconds: float
    teacher_seconds: float | None

    @property
    def frames(self) -> int:
        """To be read."""
        return sum(one.frames for one in self.recordings)

    @property
    def most_calls(self) -> int:
        """Views that the teacher is asked about at most."""
        return sum(one.most_calls for one in self.recordings)


def plan_run(job: LabelJob, teacher: str) -> Plan:
    """What ``label_recordings(job)`` would do; ``teacher`` is the fingerprint. Bags are opened, images are not read."""
    names = store_names(job.recordings)
    planned = tuple(_planned(job, teacher, path, name) for path, name in zip(job.recordings, names, strict=True))
    before = _run_before(job.out, teacher)
    frames, calls = sum(one.frames for one in planned), sum(one.most_calls for one in planned)
    rate = before.get("ms_per_frame") or MS_PER_FRAME
    asked, spent = before.get("teacher_calls") or 0, before.get("stages", {}).get("teacher", 0.0)
    return Plan(teacher, planned, round(frames * rate / 1e3, 1), round(calls * spent / asked, 1) if asked else None)


def _planned(job: LabelJob, teacher: str, path: Path, name: str) -> PlannedRecording:
    folder = job.out / name
    texts = [one.text for one in job.asked]
    try:
        todo = len(texts) + job.propose
        if not job.overwrite:
            stores = Stores(folder, Provenance(str(path), size_of(path), teacher, job.settings.as_json()))
            whole, parts = stores.whole, stores.parts
            missing = max((len(set(texts) - set(stores.labels_in(number))) for number in parts), default=len(texts))
            todo = missing if whole is not None and not job.propose else missing + job.propose
            if whole is not None and len(parts) == whole.parts and todo == 0:
                return PlannedRecording(str(path), str(folder), 0, 0, 0)
        frames = len(open_recording(path, **job.settings.topics))
    except FAILURES as error:
        return PlannedRecording(str(path), str(folder), 0, 0, 0, reason_of(error))
    views = min(job.settings.lifting.views, job.settings.key_frames, frames)
    return PlannedRecording(str(path), str(folder), frames, todo, todo * views)


def _run_before(out: Path, teacher: str) -> dict[str, Any]:
    """The run.json of an earlier run of the same teacher, or nothing."""
    try:
        said: dict[str, Any] = json.loads((out / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # there is none that tells
        return {}
    return said if isinstance(said, dict) and said.get("teacher") == teacher else {}
