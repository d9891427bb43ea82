"""The nouns of the benchmarks: a question with its targets, and a scene that turns them into a mask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from mllm_for3d_ros.types import check_array

TargetKind = Literal["class", "instance", "box"]
UNLABELLED = -1


@dataclass(frozen=True)
class BenchmarkQuery:
    """One question of a benchmark.

    kind says what the numbers in ``targets`` are: "class" indices of ``BenchmarkScene.semantic`` (all
    points of the class are meant, however many things that is), "instance" numbers of
    ``BenchmarkScene.instance``, or "box": instances of which the benchmark asks the axis-aligned boxes.
    No targets, or none that is in the scene: what is asked for is not there. source: the dataset of the
    scene, such as scannet or mp3d.
    """

    scene_id: str
    text: str
    kind: TargetKind
    targets: tuple[int, ...]
    source: str


@dataclass(frozen=True)
class BenchmarkScene:
    """The labelled points of a scene.

    points: [N, 3] float32 m, in the frame of the dataset's camera poses. colors: [N, 3] uint8.
    superpoints: [N] int32 numbered from 0, or None. instance, semantic: [N] int32, negative where
    unlabelled. axis_alignment: [4, 4] float64, from that frame to the one in which the benchmark
    measures boxes.
    """

    scene_id: str
    points: np.ndarray
    colors: np.ndarray
    superpoints: np.ndarray | None
    instance: np.ndarray
    semantic: np.ndarray
    axis_alignment: np.ndarray = field(default_factory=lambda: np.eye(4))

    def __post_init__(self) -> None:
        check_array("points", self.points, (None, 3), np.float32)
        n = len(self.points)
        check_array("colors", self.colors, (n, 3), np.uint8)
        if self.superpoints is not None:
            check_array("superpoints", self.superpoints, (n,), np.int32)
        check_array("instance", self.instance, (n,), np.int32)
        check_array("semantic", self.semantic, (n,), np.int32)
        check_array("axis_alignment", self.axis_alignment, (4, 4), np.float64)

    def __len__(self) -> int:
        return len(self.points)

    def target_mask(self, query: BenchmarkQuery) -> np.ndarray:
        """[N] bool, the points that the query asks for; all False if there are none."""
        labels = self.semantic if query.kind == "class" else self.instance
        return np.isin(labels, query.targets)

    def target_boxes(self, query: BenchmarkQuery) -> np.ndarray:
        """[T, 2, 3] least and greatest corner in m, aligned axes, of each target instance that has points."""
        aligned = self.aligned_points
        chosen = [self.instance == target for target in query.targets]
        boxes = [axis_aligned_box(aligned[rows]) for rows in chosen if rows.any()]
        return np.array(boxes, dtype=np.float64).reshape(-1, 2, 3)

    @property
    def aligned_points(self) -> np.ndarray:
        """[N, 3] float32 m, the points in the frame of the boxes."""
        rotation, shift = self.axis_alignment[:3, :3], self.axis_alignment[:3, 3]
        return (self.points @ rotation.T + shift).astype(np.float32)


def axis_aligned_box(points: np.ndarray) -> np.ndarray:
    """[2, 3] float64, least and greatest corner of points [M, 3], M >= 1."""
    return np.stack([points.min(axis=0), points.max(axis=0)]).astype(np.float64)


def box_iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """[A, B] volume of the intersection over that of the union of boxes [A, 2, 3] and [B, 2, 3]; 0 for flat ones."""
    low = np.maximum(first[:, None, 0], second[None, :, 0])
    high = np.minimum(first[:, None, 1], second[None, :, 1])
    shared = np.prod(np.clip(high - low, 0, None), axis=-1)
    volumes = [np.prod(boxes[:, 1] - boxes[:, 0], axis=-1) for boxes in (first, second)]
    union = volumes[0][:, None] + volumes[1][None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
