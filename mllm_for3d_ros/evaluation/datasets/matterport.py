"""Regions of Matterport3D as they are downloaded: ``scans/<scan>/region_segmentations/region<k>.ply``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.ply import read_ply
from mllm_for3d_ros.evaluation.datasets.scene import UNLABELLED, BenchmarkScene

SEPARATOR = "_region"


def region_file(scene_id: str) -> str:
    """Path of the mesh of ``<scan>_region<k>`` within the dataset.

    Raises:
        DatasetError: the name has another form.
    """
    scan, separator, number = scene_id.rpartition(SEPARATOR)
    if not scan or not separator or not number.isdecimal():
        raise DatasetError(f"{scene_id!r} names no region of Matterport3D: it must be <scan>{SEPARATOR}<number>")
    return f"scans/{scan}/region_segmentations/region{number}.ply"


def read_matterport(path: Path, scene_id: str) -> BenchmarkScene:
    """The region in ``path``; ``semantic`` is the raw category (row of category_mapping.tsv), 0 for none.

    The dataset labels triangles. A vertex has the category that most of its triangles have, of equally many
    the lowest, as in the data that Reason3D provides. Instances are not read: the benchmark has none.

    Raises:
        DatasetError: the file is missing or damaged, or has no categories.
    """
    mesh = read_ply(path)
    faces = mesh.elements.get("face", {})
    corners, category = faces.get("vertex_indices"), faces.get("category_id")
    if corners is None or category is None or corners.ndim != 2:
        raise DatasetError(f"{path} has no face properties vertex_indices and category_id: use region_segmentations")
    count = len(mesh.points)
    if corners.size and not (corners.min() >= 0 and corners.max() < count):
        raise DatasetError(f"{path} has triangles of vertices that it lacks; download it again")
    semantic = vertex_categories(corners, category, count)
    nothing = np.full(count, UNLABELLED, np.int32)
    return BenchmarkScene(scene_id, mesh.points, mesh.colors, None, nothing, semantic)


def vertex_categories(corners: np.ndarray, category: np.ndarray, vertices: int) -> np.ndarray:
    """[vertices] int32, the category of most triangles at each vertex, the lowest of a tie, 0 for none.

    Args:
        corners: [F, 3] rows of the vertices of each triangle.
        category: [F] of the triangles; negative ones count as 0.
        vertices: how many there are.
    """
    chosen = np.zeros(vertices, np.int32)
    known = np.maximum(category, 0).astype(np.int64)
    kinds = int(known.max(initial=0)) + 1
    votes = corners.reshape(-1).astype(np.int64) * kinds + np.repeat(known, corners.shape[1])
    pairs, counts = np.unique(votes, return_counts=True)
    at, voted = pairs // kinds, pairs % kinds
    best = np.lexsort((voted, -counts, at))
    vertex, first = np.unique(at[best], return_index=True)
    chosen[vertex] = voted[best[first]]
    return chosen
