"""Scenes of ScanNet v2 as they are downloaded: ``scans/<id>/<id>_vh_clean_2.ply`` and what lies beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.classes import ScanNet200
from mllm_for3d_ros.evaluation.datasets.files import first_of
from mllm_for3d_ros.evaluation.datasets.ply import read_ply
from mllm_for3d_ros.evaluation.datasets.scene import UNLABELLED, BenchmarkScene
from mllm_for3d_ros.evaluation.datasets.segments import (
    Group,
    numbered,
    read_groups,
    read_segmentation,
    without_repeats,
)
from mllm_for3d_ros.recording.folder_reader import FolderRecording

_ALIGNMENT = "axisAlignment"


def read_scannet(folder: Path, classes: ScanNet200 | None = None, by_position: bool = False) -> BenchmarkScene:
    """The scene in ``folder``, which is named as the scene.

    Args:
        folder: ``scans/<id>`` with <id>_vh_clean_2.ply, .segs.json, .aggregation.json and, if the scan has
            an axis alignment, <id>.txt.
        classes: for ``semantic``; without them it is unlabelled.
        by_position: number instances by their place among the annotated things, repeats left out, as
            Intent3D does; else by the ``id`` of the annotation.

    Raises:
        DatasetError: a file is missing or damaged, or two do not belong together.
    """
    name = folder.name
    mesh = read_ply(mesh_file(folder))
    segmentation = read_segmentation(folder / f"{name}_vh_clean_2.0.010000.segs.json", len(mesh.points))
    groups = read_groups(folder / f"{name}.aggregation.json", "id")
    if by_position:
        kept = without_repeats(groups, segmentation)
        groups = tuple(Group(place, group.label, group.segments) for place, group in enumerate(kept))
    nothing = np.full(len(mesh.points), UNLABELLED, np.int32)
    return BenchmarkScene(
        name,
        mesh.points,
        mesh.colors,
        segmentation.of_point,
        numbered(groups, segmentation),
        nothing if classes is None else classes.of_points(groups, segmentation),
        read_axis_alignment(folder / f"{name}.txt"),
    )


def mesh_file(folder: Path) -> Path:
    """The annotated mesh of the scene in ``folder``."""
    return folder / f"{folder.name}_vh_clean_2.ply"


def read_axis_alignment(path: Path) -> np.ndarray:
    """[4, 4] float64 from the frame of the scan to axes along the walls; identity without file or entry.

    Raises:
        DatasetError: the entry is no rigid transform.
    """
    if not path.is_file():
        return np.eye(4)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, value = line.partition("=")
        if key.strip() == _ALIGNMENT:
            return _rigid(value, path)
    return np.eye(4)


def _rigid(text: str, path: Path) -> np.ndarray:
    try:
        matrix = np.array(text.split(), dtype=np.float64).reshape(4, 4)
    except ValueError as cause:
        raise DatasetError(f"{_ALIGNMENT} in {path} needs 16 numbers; download the file again") from cause
    if not np.isfinite(matrix).all() or not np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-3):
        raise DatasetError(f"{_ALIGNMENT} in {path} is no rigid transform; download the file again")
    return matrix


def open_frames(data: Path, scene_id: str) -> FolderRecording:
    """The posed RGB-D frames of a scan: color/, depth/, pose/ and the intrinsics, as SensReader exports them.

    Args:
        data: the folder that holds ``scans/<id>`` or, where frames lie apart, ``frames/<id>``.
        scene_id: name of the scan.

    Raises:
        DatasetError: neither folder has a color/.
        RecordingError: what is there is no recording.
    """
    color = first_of(data, f"scans/{scene_id}/color", f"frames/{scene_id}/color")
    return FolderRecording(color.parent)
