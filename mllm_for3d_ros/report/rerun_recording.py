"""A scene and its labels as a Rerun recording (.rrd), for those who look at robots' data in Rerun's viewer.

    map                    the map, all the time
    views/<row>            a camera with its picture, all the time
    views/<row>/mask       what the view said of the instruction at hand
    label                  the voxels of its label
    instruction            its sentence, and a table of its views

The timeline ``instruction`` goes from one instruction to the next.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import MissingExtraError
from mllm_for3d_ros.files import write_whole
from mllm_for3d_ros.labeling.summary import RunSummary
from mllm_for3d_ros.lifting.label_store import SCENE_FILE, LabelStore
from mllm_for3d_ros.lifting.view_records import ViewRecord
from mllm_for3d_ros.types import PseudoLabel, SceneCloud

APPLICATION = "mllm_for3d_ros"
TIMELINE = "instruction"
_HOT = (255, 96, 32)
_TARGET = 1
"""Class of the pixels of a mask."""
_CAMERA_M = 0.2
"""Distance at which a view's picture is drawn."""


def require_rerun() -> None:
    """Refuse to go on without Rerun.

    Raises:
        MissingExtraError: with the command that installs it.
    """
    if importlib.util.find_spec("rerun") is None:
        raise MissingExtraError('--rerun needs the extra rerun; run `pip install "mllm_for3d_ros[rerun]"`')


def write_recordings(folder: Path, summary: RunSummary) -> list[Path]:
    """Write ``<scene>.rrd`` into ``folder`` for every scene of a run whose labels are newer; returns all paths.

    Raises:
        LabelStoreError: a store is damaged.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for store in (LabelStore.open(one) for scene in summary.scenes for one in scene.stores):
        path = folder / f"{store.folder.name}.rrd"
        if not path.is_file() or path.stat().st_mtime_ns < (store.folder / SCENE_FILE).stat().st_mtime_ns:
            write_whole(path, recording_bytes(store), durable=False)
        paths.append(path)
    return paths


def recording_bytes(store: LabelStore) -> bytes:
    """The recording of a store with its labels."""
    import rerun as rr

    recording = rr.RecordingStream(APPLICATION, recording_id=store.folder.name)
    stream = recording.binary_stream()
    recording.disable_timeline("log_time")
    recording.disable_timeline("log_tick")
    recording.log("/", rr.AnnotationContext([(_TARGET, "target", _HOT)]), static=True)
    cloud = store.cloud()
    recording.log("map", rr.Points3D(cloud.points, colors=cloud.colors, radii=cloud.voxel_size / 2), static=True)
    _log_views(rr, recording, store)
    for number, stored in enumerate(store.labels()):
        recording.set_time(TIMELINE, sequence=number)
        _log_label(rr, recording, store, cloud, stored.label)
    content: bytes = stream.read()
    return content


def _log_views(rr: Any, recording: Any, store: LabelStore) -> None:
    for row, view in enumerate(store.views):
        pose = np.array(view.camera_to_world)
        camera = rr.Pinhole(
            focal_length=(view.fx, view.fy),
            principal_point=(view.cx, view.cy),
            resolution=(view.width, view.height),
            camera_xyz=rr.ViewCoordinates.RDF,
            image_plane_distance=_CAMERA_M,
        )
        recording.log(_view(row), rr.Transform3D(translation=pose[:3, 3], mat3x3=pose[:3, :3]), camera, static=True)
        picture = store.view_image(row)
        if picture is not None:
            recording.log(_view(row), rr.EncodedImage(path=picture), static=True)


def _log_label(rr: Any, recording: Any, store: LabelStore, cloud: SceneCloud, label: PseudoLabel) -> None:
    inside = np.nan_to_num(label.probability) >= 0.5
    recording.log("label", rr.Points3D(cloud.points[inside], colors=_HOT, radii=0.6 * cloud.voxel_size))
    records = store.records(label.instruction)
    said = rr.TextDocument(_text(label, records), media_type=rr.MediaType.MARKDOWN)
    recording.log("instruction", said)
    masks = {record.view: record.mask() for record in records}
    for row in range(len(store.views)):
        mask = masks.get(row)
        entity = rr.Clear(recursive=False) if mask is None else rr.SegmentationImage(mask.astype(np.uint8) * _TARGET)
        recording.log(f"{_view(row)}/mask", entity)


def _text(label: PseudoLabel, records: Sequence[ViewRecord]) -> str:
    """An instruction and what its views said, as Markdown."""
    rows = [
        f"| {record.view} | {record.weight:.3f} | {record.score:.2f} | {_cell(record.reason or '')} |"
        for record in sorted(records, key=lambda record: -record.weight)
    ]
    head = ["| view | weight | score | dropped because |", "|---|---|---|---|"]
    return "\n".join([f"# {_cell(label.instruction)}", f"presence {label.presence:.3f}", "", *head, *rows])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _view(row: int) -> str:
    return f"views/{row:03d}"
