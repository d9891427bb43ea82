"""What a run came to: ``run.json``, the exit status and the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mllm_for3d_ros import __version__
from mllm_for3d_ros.labeling.label_recording import RecordingRun

RUN_FILE = "run.json"
OK, SOME_FAILED, ALL_FAILED = 0, 1, 3
FINISHED, CANCELLED = "finished", "cancelled"


@dataclass(frozen=True)
class RunSummary:
    """A run over recordings.

    status: finished or cancelled. teacher: fingerprint. seconds: wall time of the run, stages of it by name;
    "teacher" is the teacher's own time, "lifting" the rest of labelling. scenes: recordings that were labelled.
    failed: by path, why.
    """

    status: str
    teacher: str
    teacher_calls: int
    cache_hits: int
    seconds: float
    stages: dict[str, float]
    scenes: tuple[RecordingRun, ...]
    failed: dict[str, str]
    warnings: tuple[str, ...] = ()
    report: str | None = None
    package_version: str = field(default=__version__)

    @property
    def frames(self) -> int:
        """Read in this run."""
        return sum(scene.frames for scene in self.scenes)

    @property
    def ms_per_frame(self) -> float | None:
        """Of everything but the teacher and the report; None where no frame was read."""
        own = sum(seconds for stage, seconds in self.stages.items() if stage not in ("teacher", "report"))
        return round(own * 1e3 / self.frames, 2) if self.frames else None

    @property
    def exit_status(self) -> int:
        """0: all recordings are labelled; 1: some failed; 3: all failed."""
        if not self.failed:
            return OK
        return SOME_FAILED if self.scenes else ALL_FAILED

    def as_json(self) -> dict[str, Any]:
        """The content of run.json."""
        scenes = [
            {**asdict(scene), "stores": [str(one) for one in scene.stores], "store": str(scene.stores[0])}
            for scene in self.scenes
        ]
        figures = {"frames": self.frames, "ms_per_frame": self.ms_per_frame, "exit_status": self.exit_status}
        return {**asdict(self), "scenes": scenes, **figures}


def add_up(scenes: Sequence[RecordingRun], teacher_seconds: float) -> dict[str, float]:
    """Seconds by stage over all recordings, the teacher's own taken out of the labelling."""
    stages: dict[str, float] = {}
    for scene in scenes:
        for stage, seconds in scene.seconds.items():
            stages[stage] = stages.get(stage, 0.0) + seconds
    labelling = stages.pop("labelling", 0.0) + stages.pop("proposing", 0.0)
    stages["teacher"] = teacher_seconds
    stages["lifting"] = max(labelling - teacher_seconds, 0.0)
    return {stage: round(seconds, 4) for stage, seconds in stages.items()}
