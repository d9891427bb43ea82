"""Scenes of ScanNet++ as they are downloaded: ``data/<id>/scans/mesh_aligned_0.05.ply`` and its annotation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mllm_for3d_ros.evaluation.datasets.ply import read_ply
from mllm_for3d_ros.evaluation.datasets.scene import UNLABELLED, BenchmarkScene
from mllm_for3d_ros.evaluation.datasets.segments import largest_first, numbered, read_groups, read_segmentation


def read_scannetpp(folder: Path) -> BenchmarkScene:
    """The scene in ``folder``, which is named as the scene.

    Instances have the ``objectId`` of the annotation. A vertex that several things share belongs to the
    smallest of them, as in the dataset's own toolkit (the cushion on the sofa, not the sofa).

    Args:
        folder: ``data/<id>`` with scans/mesh_aligned_0.05.ply, scans/segments.json, scans/segments_anno.json.

    Raises:
        DatasetError: a file is missing or damaged, or two do not belong together.
    """
    mesh = read_ply(folder / "scans/mesh_aligned_0.05.ply")
    segmentation = read_segmentation(folder / "scans/segments.json", len(mesh.points))
    groups = largest_first(read_groups(folder / "scans/segments_anno.json", "objectId"), segmentation)
    nothing = np.full(len(mesh.points), UNLABELLED, np.int32)
    instance = numbered(groups, segmentation)
    return BenchmarkScene(folder.name, mesh.points, mesh.colors, segmentation.of_point, instance, nothing)
