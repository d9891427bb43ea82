"""A run of labelling over bags of the red wall with a stand-in teacher, for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from color_teacher import ColorTeacher, red_patch_frame

from mllm_for3d_ros.labeling.runner import Listener, label_recordings
from mllm_for3d_ros.labeling.settings import Asked, LabelJob, LabelSettings
from mllm_for3d_ros.labeling.summary import RunSummary
from mllm_for3d_ros.recording.bag_writer import write_bag
from mllm_for3d_ros.teachers.cache import AnswerCache, CachedTeacher

TEXTS = ("the red thing", "a blue thing", "red again")


def wall_bag(path: Path, frames: int = 6, storage: str = "mcap", step: float = 0.1) -> Path:
    """A bag of a camera that passes the wall."""
    write_bag([red_patch_frame(1 + n * 100_000_000, step * n) for n in range(frames)], path, storage)
    return path


def label(
    bags: Sequence[Path],
    folder: Path,
    texts: Sequence[str] = TEXTS,
    settings: LabelSettings | None = None,
    teacher: ColorTeacher | None = None,
    listener: Listener | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    report: bool = False,
    propose: int = 0,
    overwrite: bool = False,
    rerun: bool = False,
) -> RunSummary:
    """Label into ``folder``/out with the answers cached in ``folder``/cache."""
    chosen = teacher or ColorTeacher()
    asked = tuple(Asked(text) for text in texts)
    job = LabelJob(tuple(bags), asked, folder / "out", settings or LabelSettings(), propose, overwrite, report, rerun)
    with AnswerCache(folder / "cache") as cache:
        return label_recordings(
            job,
            lambda answered: CachedTeacher(chosen.fingerprint, lambda: chosen, cache, answered),
            listener,
            cancelled,
        )


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder but run.json, whose figures are of the run, pages made from them, and the lock."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in ("run.json", ".lock") and file.suffix != ".html"
    }
