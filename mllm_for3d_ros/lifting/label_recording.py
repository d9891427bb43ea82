"""A recording in, a label store out: map it, keep key views, ask the teacher, lift, write.

One implementation for the command line and for nodes. What is finished is kept: run again, it goes on with
the instructions that have no label yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mllm_for3d_ros.lifting.key_frames import KeyFrames
from mllm_for3d_ros.lifting.label_scene import SceneLabel, label_scene
from mllm_for3d_ros.lifting.label_store import SCENE_FILE, LabelStore, Provenance
from mllm_for3d_ros.lifting.lift_scene import prepare_scene
from mllm_for3d_ros.lifting.settings import LiftSettings
from mllm_for3d_ros.recording.reader import Recording
from mllm_for3d_ros.scene.offline import fuse_frames
from mllm_for3d_ros.teachers.base import Teacher
from mllm_for3d_ros.types import Frame, SceneCloud

Progress = Callable[[str, int, int], None]
"""Called with a stage ("mapping", "labelling"), how much of it is done, and how much there is."""


@dataclass(frozen=True)
class LabelSettings:
    """How recordings are labelled.

    voxel_size, max_depth: of the map, m. key_frames: candidate views kept a recording. lifting: see there.
    """

    voxel_size: float = 0.025
    max_depth: float = 4.0
    key_frames: int = 64
    lifting: LiftSettings = field(default_factory=LiftSettings)


@dataclass(frozen=True)
class SceneRun:
    """What labelling one recording came to.

    written: instructions labelled in this run; kept: those that had labels already. seconds: by stage.
    left_out: reasons and numbers of frames that could not be used.
    """

    source: str
    store: Path
    frames: int
    voxels: int
    written: tuple[str, ...]
    kept: tuple[str, ...]
    seconds: dict[str, float]
    left_out: dict[str, int]


def label_recording(
    recording: Recording,
    instructions: Sequence[str],
    teacher: Teacher,
    folder: Path,
    settings: LabelSettings | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> SceneRun:
    """Label ``instructions`` over ``recording`` into the store ``folder``.

    Raises:
        RecordingError: the recording gives no usable frame.
        LabelStoreError: ``folder`` holds labels of another source, teacher or settings.
        TeacherError: the teacher cannot run; labels finished before are kept.
    """
    chosen = settings or LabelSettings()
    provenance = Provenance(recording.source, size_of(recording.source), str(teacher.fingerprint), _json(chosen))
    kept = finished(folder, provenance)
    todo = [text for text in instructions if text not in kept]
    stopwatch = _Stopwatch()
    if not todo:
        store = LabelStore.open(folder)
        return SceneRun(recording.source, folder, 0, store.voxels, (), tuple(kept), stopwatch.seconds, {})
    with stopwatch("mapping"):
        cloud, keys, frames = _map(recording, chosen, progress)
    with stopwatch("preparing"):
        scene = prepare_scene(cloud.points, cloud.normals, cloud.colors, keys)
        store = LabelStore.create(folder, cloud, keys, provenance)
    progress("labelling", 0, len(todo))
    labels = label_scene(scene, keys, teacher, todo, chosen.lifting)
    for number in range(1, len(todo) + 1):
        with stopwatch("labelling"):
            labelled: SceneLabel = next(labels)
        with stopwatch("writing"):
            store.write(labelled.label, labelled.views)
        progress("labelling", number, len(todo))
    left_out = dict(recording.skipped)
    return SceneRun(recording.source, folder, frames, len(cloud), tuple(todo), tuple(kept), stopwatch.seconds, left_out)


def finished(folder: Path, provenance: Provenance) -> tuple[str, ...]:
    """Instructions that have labels in ``folder``; none if there is no store or it is of something else."""
    if not (folder / SCENE_FILE).exists():
        return ()
    store = LabelStore.open(folder)
    return store.instructions if store.provenance == provenance else ()


def size_of(source: str) -> int:
    """Bytes of a file, or of all files in a folder."""
    path = Path(source)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _map(recording: Recording, settings: LabelSettings, progress: Progress) -> tuple[SceneCloud, list[Frame], int]:
    """The fused map, the candidate views, and how many frames there were."""
    keys, total, count = KeyFrames(settings.key_frames), len(recording), 0

    def counted() -> Any:
        nonlocal count
        for frame in keys.watch(recording):
            count += 1
            progress("mapping", count, total)
            yield frame

    cloud = fuse_frames(counted(), voxel_size=settings.voxel_size, max_depth=settings.max_depth)
    return cloud, keys.frames, count


def _json(settings: LabelSettings) -> dict[str, Any]:
    return asdict(settings)


class _Stopwatch:
    """Adds up the seconds spent in named stages."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._stage, self._start = "", 0.0

    def __call__(self, stage: str) -> _Stopwatch:
        self._stage = stage
        return self

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        spent = time.perf_counter() - self._start
        self.seconds[self._stage] = round(self.seconds.get(self._stage, 0.0) + spent, 4)
