"""A recording in, label stores out: map it, keep views, ask the teacher, lift, write.

What is finished is kept: run again, it goes on with the instructions that have no label yet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mllm_for3d_ros.labeling.parts import MappedPart, map_parts
from mllm_for3d_ros.labeling.progress import Stage, Tracker
from mllm_for3d_ros.labeling.proposals import Proposals
from mllm_for3d_ros.labeling.scene_features import write_scene_features
from mllm_for3d_ros.labeling.settings import Asked, LabelSettings
from mllm_for3d_ros.labeling.stopwatch import Stopwatch
from mllm_for3d_ros.labeling.stores import Stores, Whole, delete_stores
from mllm_for3d_ros.lifting.feature_file import FEATURES_FILE
from mllm_for3d_ros.lifting.label_scene import label_scene
from mllm_for3d_ros.lifting.label_store import LabelStore, Provenance
from mllm_for3d_ros.lifting.lift_scene import prepare_scene
from mllm_for3d_ros.lifting.view_records import records_of
from mllm_for3d_ros.recording.reader import Recording
from mllm_for3d_ros.teachers.base import Teacher


@dataclass(frozen=True)
class RecordingRun:
    """What labelling one recording came to.

    stores: folders of its scenes. frames: read in this run. voxels: of all scenes. written: labels made in this
    run; kept: those that were there. seconds: by stage. left_out: reasons and numbers of frames not used.
    """

    source: str
    stores: tuple[Path, ...]
    frames: int
    voxels: int
    written: int
    kept: int
    seconds: dict[str, float]
    left_out: dict[str, int]


def label_recording(
    source: Path,
    open_source: Callable[[], Recording],
    asked: Sequence[Asked],
    teacher: Teacher,
    folder: Path,
    settings: LabelSettings | None = None,
    tracker: Tracker | None = None,
    proposals: Proposals | None = None,
    overwrite: bool = False,
) -> RecordingRun:
    """Label ``asked`` over a recording into the store ``folder``, and its further parts beside it.

    Args:
        source: the recording's path; its size is part of the provenance.
        open_source: opens it, if there is anything to do.
        asked: instructions.
        teacher: who is asked.
        folder: of the first scene.
        settings: all by default.
        tracker: told how far it is; stops the run when asked to.
        proposals: adds instructions for each scene.
        overwrite: start anew where there are labels; they are deleted once the recording is open.

    Raises:
        RecordingError: the recording cannot be read or gives no usable frame.
        LabelStoreError: ``folder`` holds labels of another source, teacher or settings.
        TeacherError: the teacher cannot run; labels finished before are kept.
        Cancelled: the tracker was asked to stop.
    """
    chosen, tracker = settings or LabelSettings(), tracker or Tracker(1)
    provenance = Provenance(str(source), size_of(source), str(teacher.fingerprint), chosen.as_json())
    stopwatch, recording = Stopwatch(), None
    if overwrite:
        with stopwatch("opening"):
            recording = open_source()
        delete_stores(folder)
    stores = Stores(folder, provenance)
    work = _Work(list(asked), teacher, stores, provenance, chosen, tracker, proposals, stopwatch)
    whole = stores.whole
    if whole is not None and all(work.is_done(number) for number in range(1, whole.parts + 1)):
        return work.outcome(str(source), 0, whole.left_out)
    if recording is None:
        with stopwatch("opening"):
            recording = open_source()
    total = len(recording)
    finished = {number: part for number, part in stores.parts.items() if work.is_done(number)}
    read = 0

    def count(frames: int) -> None:
        nonlocal read
        read = frames
        tracker.frame(frames, total)

    tracker.stage(Stage.MAPPING)
    parts = map_parts(recording, chosen, finished, count)
    while True:
        with stopwatch("mapping"):
            part = next(parts, None)
        if part is None:
            break
        work.label(part)
        part = None  # so that its map and views are gone while the next is made
        tracker.stage(Stage.MAPPING)
    left_out = dict(recording.skipped)
    stores = Stores(folder, provenance)
    stores.finish(Whole(len(stores.present()), read, left_out))
    return work.outcome(recording.source, read, left_out)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder; 0 if it is not there."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


class _Work:
    """Labelling the parts of one recording."""

    def __init__(
        self,
        asked: list[Asked],
        teacher: Teacher,
        stores: Stores,
        provenance: Provenance,
        settings: LabelSettings,
        tracker: Tracker,
        proposals: Proposals | None,
        stopwatch: Stopwatch,
    ) -> None:
        self._stopwatch = stopwatch
        self._asked, self._teacher, self._stores, self._provenance = asked, teacher, stores, provenance
        self._settings, self._tracker, self._proposals = settings, tracker, proposals
        self._written = 0

    def is_done(self, number: int) -> bool:
        """Whether a part has all its labels, and the features that are written last."""
        wanted: list[Asked] | None = self._asked
        if self._proposals is not None:
            known = self._proposals.known(self._stores.part_folder(number))
            wanted = None if known is None else _merged(self._asked, known)
        missing = wanted is None or {one.text for one in wanted} - set(self._stores.labels_in(number))
        return not missing and (self._stores.part_folder(number) / FEATURES_FILE).is_file()

    def label(self, mapped: MappedPart) -> None:
        """Label one scene."""
        number, views = mapped.part.number, mapped.views
        folder = self._stores.part_folder(number)
        self._tracker.stage(Stage.PREPARING)
        with self._stopwatch("preparing"):
            scene = prepare_scene(mapped.cloud.points, mapped.cloud.normals, mapped.cloud.colors, views)
        with self._stopwatch("writing"):
            store = LabelStore.create(folder, mapped.cloud, views, self._provenance, mapped.part)
        wanted = self._asked
        if self._proposals is not None:
            with self._stopwatch("proposing"):
                wanted = _merged(wanted, self._proposals.make(folder, views))
        done = set(store.instructions)
        todo = [one for one in wanted if one.text not in done]
        self._tracker.stage(Stage.LABELLING)
        self._tracker.labels(0, len(todo))
        labels = label_scene(scene, views, self._teacher, [one.text for one in todo], self._settings.lifting)
        for count, one in enumerate(todo, start=1):
            with self._stopwatch("labelling"):
                labelled = next(labels)
            with self._stopwatch("writing"):
                records = records_of(labelled, scene.visibility)
                store.write(labelled.label, labelled.views, one.kind, records)
            self._written += 1
            self._tracker.labels(count, len(todo))
        with self._stopwatch("features"):
            write_scene_features(store, scene, views, self._teacher)

    def outcome(self, source: str, frames: int, left_out: dict[str, int]) -> RecordingRun:
        """What it came to."""
        present = Stores(self._stores.folder, self._provenance).present()
        labels = sum(len(store.instructions) for store in present)
        return RecordingRun(
            source,
            tuple(store.folder for store in present),
            frames,
            sum(store.voxels for store in present),
            self._written,
            labels - self._written,
            self._stopwatch.seconds,
            left_out,
        )


def _merged(asked: Sequence[Asked], proposed: Sequence[Asked]) -> list[Asked]:
    """Each text once, what was asked first."""
    texts = {one.text for one in asked}
    return [*asked, *(one for one in proposed if one.text not in texts)]
