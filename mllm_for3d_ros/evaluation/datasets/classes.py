"""The ScanNet200 classes: from a label in the annotator's words to the index that Reason3D asks for.

A Reason3D ``object_id`` of ScanNet is neither an instance nor a raw category: it is a position in the list
``VALID_CLASS_IDS_200``. The list comes with ScanNet's and Reason3D's code (scannet200_constants.py), the
raw categories with ScanNet's data (scannetv2-labels.combined.tsv); both are read, neither is shipped.
"""

from __future__ import annotations

import ast
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.scene import UNLABELLED
from mllm_for3d_ros.evaluation.datasets.segments import Group, Segmentation

_LIST = "VALID_CLASS_IDS_200"


@dataclass(frozen=True)
class ScanNet200:
    """index: from a raw label to the class, for the labels that have one."""

    index: dict[str, int]

    def of_points(self, groups: tuple[Group, ...], segmentation: Segmentation) -> np.ndarray:
        """[N] int32 class of each point, -1 for none; of two groups that share a point the later has it."""
        semantic = np.full(len(segmentation.of_point), UNLABELLED, np.int32)
        for group in groups:
            semantic[segmentation.members(group.segments)] = self.index.get(group.label, UNLABELLED)
        return semantic


def read_scannet200(labels: Path, constants: Path) -> ScanNet200:
    """The classes of the raw labels.

    Args:
        labels: scannetv2-labels.combined.tsv.
        constants: scannet200_constants.py; its list is read as text, no line of it is run.

    Raises:
        DatasetError: a file is missing or lacks what is needed.
    """
    place = {category: index for index, category in enumerate(_class_ids(constants))}
    index: dict[str, int] = {}
    for label, category in _raw_categories(labels):
        if category in place:
            index.setdefault(label, place[category])
    return ScanNet200(index)


def _class_ids(path: Path) -> tuple[int, ...]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        values = [node.value for node in tree.body if isinstance(node, ast.Assign) and _names(node) == [_LIST]]
        ids = tuple(ast.literal_eval(values[0]))
    except (OSError, SyntaxError, ValueError, TypeError, IndexError) as cause:
        raise DatasetError(f"{path} has no readable {_LIST} ({cause}); take the file of ScanNet or Reason3D") from cause
    if not all(isinstance(one, int) for one in ids) or len(set(ids)) != len(ids):
        raise DatasetError(f"{_LIST} in {path} must be different numbers; take the file of ScanNet or Reason3D")
    return ids


def _names(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _raw_categories(path: Path) -> list[tuple[str, int]]:
    """Raw label and number of its category, line by line."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return [(row["raw_category"], int(row["id"])) for row in rows]
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as cause:
        raise DatasetError(f"{path} has no columns id and raw_category; take ScanNet's own table") from cause
