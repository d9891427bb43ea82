"""Points grouped into segments, and segments into things: the annotation of ScanNet and of ScanNet++."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.files import numbers_of, read_json
from mllm_for3d_ros.evaluation.datasets.scene import UNLABELLED


@dataclass(frozen=True)
class Segmentation:
    """names: [S] int64 rising numbers of the segments. of_point: [N] int32, the row of ``names`` of each point."""

    names: np.ndarray
    of_point: np.ndarray

    def members(self, segments: Sequence[int]) -> np.ndarray:
        """[N] bool, the points of the given segments; those that no point has are passed over."""
        return np.isin(self.names, np.asarray(segments, dtype=np.int64))[self.of_point]


@dataclass(frozen=True)
class Group:
    """An annotated thing: its number, its label in the annotator's words, and its segments."""

    number: int
    label: str
    segments: tuple[int, ...]


def read_segmentation(path: Path, points: int) -> Segmentation:
    """The segment of each point, field ``segIndices``.

    Args:
        path: JSON file.
        points: number of vertices of the mesh that it belongs to.

    Raises:
        DatasetError: the file is missing or damaged, or of another mesh.
    """
    content = read_json(path)
    try:
        indices = np.asarray(content["segIndices"], dtype=np.int64)
    except (KeyError, TypeError, ValueError, OverflowError) as cause:
        raise DatasetError(f"{path} has no list segIndices of whole numbers; download it again") from cause
    if indices.shape != (points,):
        raise DatasetError(f"{path} has {indices.size} entries, its mesh {points} vertices: take both of one release")
    names, of_point = np.unique(indices, return_inverse=True)
    return Segmentation(names, of_point.astype(np.int32))


def read_groups(path: Path, number: str) -> tuple[Group, ...]:
    """The things of a scene, field ``segGroups``.

    Args:
        path: JSON file.
        number: field that numbers the things, ``id`` or ``objectId``.

    Raises:
        DatasetError: the file is missing or damaged.
    """
    content = read_json(path)
    rows = content.get("segGroups") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DatasetError(f"{path} has no list segGroups of objects; download it again")
    groups = []
    for place, row in enumerate(rows):
        where = f"{path} segGroups[{place}]"
        numbers = numbers_of(row, number, where)
        if len(numbers) != 1:
            raise DatasetError(f"{where} needs one number in {number!r}; download it again")
        label = row.get("label")
        groups.append(Group(numbers[0], label if isinstance(label, str) else "", numbers_of(row, "segments", where)))
    return tuple(groups)


def numbered(groups: Sequence[Group], segmentation: Segmentation) -> np.ndarray:
    """[N] int32 number of the thing of each point, -1 for none; of two that share a point the later has it."""
    instance = np.full(len(segmentation.of_point), UNLABELLED, np.int32)
    for group in groups:
        instance[segmentation.members(group.segments)] = group.number
    return instance


def largest_first(groups: Sequence[Group], segmentation: Segmentation) -> tuple[Group, ...]:
    """The groups in an order in which ``numbered`` gives shared points to the smallest, of equal ones the first."""
    sizes = [np.count_nonzero(segmentation.members(group.segments)) for group in groups]
    order = sorted(range(len(groups)), key=lambda k: (-sizes[k], -k))
    return tuple(groups[k] for k in order)


def without_repeats(groups: Sequence[Group], segmentation: Segmentation) -> tuple[Group, ...]:
    """The groups without those that have just the points of an earlier one."""
    first: dict[bytes, Group] = {}
    for group in groups:
        first.setdefault(np.packbits(segmentation.members(group.segments)).tobytes(), group)
    return tuple(first.values())
