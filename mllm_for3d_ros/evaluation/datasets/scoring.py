"""Scoring predictions on a benchmark.

A query without prediction counts as an empty answer. IoU is over the points of the dataset, which take on
the answer of the nearest point of the predicted cloud within 5 cm; Acc@k, mIoU, cIoU, gIoU and specificity are
those of ``evaluation.metrics``. Where boxes are asked for, the box of the largest connected piece of the mask
is compared with the target's boxes, the best of which counts (top-1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.benchmarks import Benchmark
from mllm_for3d_ros.evaluation.datasets.predictions import Prediction, ScenePredictions, Transfer, open_predictions
from mllm_for3d_ros.evaluation.datasets.scene import BenchmarkQuery, BenchmarkScene, axis_aligned_box, box_iou
from mllm_for3d_ros.evaluation.metrics import ACCURACY_AT, Scored, expected_calibration_error, overlap, summarise
from mllm_for3d_ros.scene.instances import split_instances


@dataclass(frozen=True)
class Row:
    """One query: its score; whether there was a prediction, what it states and how much of the scene it covers.

    box_iou: of the predicted box with the best target box, None if the benchmark asks no boxes or the
    target is not there.
    """

    query: BenchmarkQuery
    scored: Scored
    predicted: bool
    presence: float | None
    score: float
    covered: float
    box_iou: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        row = {"scene": self.query.scene_id, "source": self.query.source, "text": self.query.text}
        return row | {
            "present": self.scored.present,
            "predicted": self.predicted,
            "presence": self.presence,
            "score": round(self.score, 4),
            "covered": round(self.covered, 4),
            "iou": round(self.scored.iou, 4),
            "box_iou": None if self.box_iou is None else round(self.box_iou, 4),
        }


@dataclass(frozen=True)
class DatasetReport:
    """What a run found: a row for each query that was scored."""

    benchmark: str
    rows: tuple[Row, ...]

    def groups(self) -> dict[str, dict[str, Any]]:
        """Figures of all rows and, where scenes are of several datasets, of each."""
        groups: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            groups["all"].append(row)
            groups[row.query.source].append(row)
        if len(groups) == 2:
            del groups[self.rows[0].query.source]
        return {name: _figures(rows) for name, rows in groups.items()}

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        rows = [row.as_dict() for row in self.rows]
        return {"benchmark": self.benchmark, "groups": self.groups(), "rows": rows}


def score_benchmark(
    benchmark: Benchmark,
    predictions: Path,
    answered_only: bool = False,
    tell: Callable[[str], object] = lambda scene_id: None,
) -> DatasetReport:
    """Score all queries of a benchmark.

    Args:
        benchmark: questions and scenes.
        predictions: a folder with a folder for each scene (see ``predictions``).
        answered_only: leave out queries without prediction, as after a run over some scenes.
        tell: told each scene before it is scored.

    Raises:
        DatasetError: no query has a prediction, predictions do not lie where the scene is, or files are damaged.
    """
    rows: list[Row] = []
    for scene_id, queries in by_scene(benchmark).items():
        answers = open_predictions(predictions, scene_id)
        if answers is not None or not answered_only:
            tell(scene_id)
            rows += _scene_rows(benchmark.scene(queries[0]), queries, answers, answered_only)
    if not any(row.predicted for row in rows):
        raise DatasetError(
            f"{predictions} answers no question of {benchmark.name}: it needs a folder <scene> with labels or masks of "
            "the benchmark's own instructions (--questions writes them)"
        )
    return DatasetReport(benchmark.name, tuple(rows))


def by_scene(benchmark: Benchmark) -> dict[str, list[BenchmarkQuery]]:
    """The queries of each scene, scenes in order of first mention."""
    scenes: dict[str, list[BenchmarkQuery]] = defaultdict(list)
    for query in benchmark.queries:
        scenes[query.scene_id].append(query)
    return dict(scenes)


def _scene_rows(
    scene: BenchmarkScene, queries: list[BenchmarkQuery], answers: ScenePredictions | None, answered_only: bool
) -> Iterator[Row]:
    transfer: Transfer | None = None
    for query in queries:
        prediction = answers.find(query.text) if answers is not None else None
        if prediction is None:
            if not answered_only:
                yield _row(scene, query, None, np.zeros(len(scene), bool), 0.0)
            continue
        if transfer is None or not np.array_equal(transfer.cloud, prediction.points):
            transfer = Transfer(prediction.points, scene.points)
            if not transfer.covered:
                raise DatasetError(
                    f"no point of {scene.scene_id} lies within 5 cm of its predictions: map it with the poses of the "
                    "dataset (docs/datasets.md says in which frame its points are)"
                )
        yield _row(scene, query, prediction, transfer.mask(prediction.mask), transfer.covered)


def _row(
    scene: BenchmarkScene, query: BenchmarkQuery, prediction: Prediction | None, mask: np.ndarray, covered: float
) -> Row:
    target = scene.target_mask(query)
    present = bool(target.any())
    # An answer counts as given by the mask that was predicted, also where none of it reaches the dataset's points.
    answered = prediction is not None and bool(prediction.mask.any())
    return Row(
        query,
        Scored(present, answered, overlap(mask, target)),
        prediction is not None,
        None if prediction is None else prediction.presence,
        0.0 if prediction is None else prediction.score,
        covered,
        _box_iou(scene, query, mask) if query.kind == "box" and present else None,
    )


def _box_iou(scene: BenchmarkScene, query: BenchmarkQuery, mask: np.ndarray) -> float:
    """IoU of the box of the largest instance in the mask with the target's boxes; 0 without any."""
    points = scene.aligned_points
    instances = split_instances(points, mask, mask.astype(np.float32))
    if not instances:
        return 0.0
    largest = axis_aligned_box(points[instances[0].indices])
    return float(box_iou(largest[None], scene.target_boxes(query)).max())


def _figures(rows: list[Row]) -> dict[str, Any]:
    """Figures of some rows; calibration is over those that were predicted, and None where nothing is stated."""
    figures: dict[str, Any] = dict(summarise([row.scored for row in rows]).as_dict())
    figures["predicted"] = sum(row.predicted for row in rows)
    stated = [(row.presence, row.scored.present) for row in rows if row.presence is not None]
    scores = [(row.score, row.scored.present and row.scored.iou > 0.5) for row in rows if row.scored.answered]
    figures |= {"presence_ece": _calibration(stated), "score_ece": _calibration(scores)}
    boxes = np.array([row.box_iou for row in rows if row.box_iou is not None])
    if len(boxes):
        figures["box_miou"] = round(float(boxes.mean()), 4)
        figures |= {f"box_acc@{k:g}": round(float((boxes > k).mean()), 4) for k in ACCURACY_AT}
    return figures


def _calibration(pairs: list[tuple[float, bool]]) -> float | None:
    if not pairs:
        return None
    stated, happened = np.array(pairs, dtype=np.float64).T
    return round(expected_calibration_error(stated, happened), 4)
