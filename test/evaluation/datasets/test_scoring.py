"""Predictions are scored as the conventions say, over the points of the dataset."""

from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import (
    REGION,
    ROOM,
    SCAN,
    Furnished,
    furnished,
    write_instruct3d,
    write_intent3d,
    write_reason3d,
)
from benchmark_predictions import write_masks, write_store

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.benchmarks import Instruct3D, Intent3D, Reason3D
from mllm_for3d_ros.evaluation.datasets.scoring import score_benchmark


@pytest.fixture
def truth() -> Furnished:
    return furnished()


def jittered(points: np.ndarray) -> np.ndarray:
    """The points of a map: fewer than half a spacing from those of the dataset."""
    return points + np.random.default_rng(1).uniform(-0.009, 0.009, points.shape)


def test_perfect_answers_score_one(tmp_path: Path, truth: Furnished) -> None:
    write_reason3d(tmp_path / "data", truth, prepared=False)
    seats = {"something to sit on": truth.of(0, 2), "where do plates go?": truth.of(1)}
    rest = {"somewhere to rest": truth.of(0, 2) * 1.0, "where can I swim?": np.zeros(len(truth.owner))}
    write_masks(tmp_path / "out" / SCAN, jittered(truth.points), seats)
    write_store(tmp_path / "out" / REGION, jittered(truth.points), rest)
    report = score_benchmark(Reason3D(tmp_path / "data"), tmp_path / "out")
    groups = report.groups()
    assert set(groups) == {"all", "scannet", "mp3d"}
    assert groups["all"]["miou"] == groups["all"]["giou"] == groups["all"]["ciou"] == 1
    assert groups["all"]["acc@0.5"] == groups["mp3d"]["specificity"] == 1 and groups["scannet"]["specificity"] is None
    assert (groups["all"]["present"], groups["all"]["absent"], groups["all"]["predicted"]) == (3, 1, 4)
    assert groups["scannet"]["presence_ece"] is None  # masks without answer.json state no presence
    assert groups["mp3d"]["presence_ece"] == pytest.approx(0.4)  # 0.9 said twice, right once
    assert all(row.covered == 1 for row in report.rows)


def test_figures_of_wrong_missing_and_boastful_answers(tmp_path: Path, truth: Furnished) -> None:
    write_instruct3d(tmp_path / "data", truth)
    half = truth.of(0) & (truth.segment == truth.segments_of(0)[0])
    answers = {"all seats": half * 0.9, "the elephant": truth.of(1) * 0.8}
    write_store(tmp_path / "out" / ROOM, truth.points, answers, presence=0.6)
    figures = score_benchmark(Instruct3D(tmp_path / "data"), tmp_path / "out").groups()["all"]
    seats, top = truth.of(0, 2).sum(), np.isin(truth.segment, truth.segments_of(1)[1:]).sum()
    iou = half.sum() / seats
    assert (figures["present"], figures["absent"], figures["predicted"]) == (2, 1, 2)
    assert figures["miou"] == pytest.approx(iou / 2, abs=1e-4)  # the unanswered question counts 0
    assert figures["giou"] == pytest.approx(iou / 3, abs=1e-4)
    assert figures["ciou"] == pytest.approx(half.sum() / (seats + top), abs=1e-4)
    assert figures["specificity"] == 0 and figures["false_no_target"] == 0.5
    assert figures["acc@0.25"] == 0.5 and figures["acc@0.5"] == 0
    assert figures["score_ece"] == pytest.approx((0.9 + 0.8) / 2, abs=1e-2)
    alone = score_benchmark(Instruct3D(tmp_path / "data"), tmp_path / "out", answered_only=True).groups()["all"]
    assert (alone["present"], alone["absent"]) == (1, 1) and alone["miou"] == pytest.approx(iou, abs=1e-4)


def test_an_empty_answer_to_an_absent_target_is_right(tmp_path: Path, truth: Furnished) -> None:
    write_instruct3d(tmp_path / "data", truth)
    write_store(tmp_path / "out" / ROOM, truth.points, {"the elephant": np.full(len(truth.owner), 0.49)})
    figures = score_benchmark(Instruct3D(tmp_path / "data"), tmp_path / "out", answered_only=True).groups()["all"]
    assert figures["specificity"] == figures["giou"] == 1 and figures["miou"] is None
    # A mask off all points of the dataset is an answer nonetheless.
    points = np.concatenate([truth.points, [[50, 50, 50]]])
    off = np.zeros(len(points))
    off[-1] = 1
    write_store(tmp_path / "off" / ROOM, points, {"the elephant": off})
    figures = score_benchmark(Instruct3D(tmp_path / "data"), tmp_path / "off", answered_only=True).groups()["all"]
    assert figures["specificity"] == 0


def test_boxes_of_the_largest_piece_are_compared_with_every_target(tmp_path: Path, truth: Furnished) -> None:
    write_intent3d(tmp_path / "data", truth)
    lower = truth.of(1) & (truth.points[:, 0] < 4.6)
    answers = {"I want to sit": truth.of(0, 2, 3), "I want to put down my plate": lower}
    write_masks(tmp_path / "out" / SCAN, truth.points, answers)
    report = score_benchmark(Intent3D(tmp_path / "data"), tmp_path / "out")
    plate, sit = report.rows
    assert sit.box_iou == pytest.approx(1, abs=1e-5) and sit.scored.iou < 1  # the cube counts in the mask only
    assert plate.box_iou == pytest.approx(0.56 / 1.2, abs=0.04)
    figures = report.groups()["all"]
    assert figures["box_acc@0.25"] == 1 and figures["box_acc@0.5"] == 0.5
    assert figures["box_miou"] == pytest.approx((1 + plate.box_iou) / 2, abs=1e-3)
    unanswered = tmp_path / "few" / SCAN
    write_masks(unanswered, truth.points, {"I want to sit": np.zeros(len(truth.owner), bool)})
    assert score_benchmark(Intent3D(tmp_path / "data"), tmp_path / "few").groups()["all"]["box_miou"] == 0


def test_predictions_elsewhere_or_of_other_questions_are_refused(tmp_path: Path, truth: Furnished) -> None:
    write_intent3d(tmp_path / "data", truth)
    benchmark = Intent3D(tmp_path / "data")
    with pytest.raises(DatasetError, match="answers no question of intent3d"):
        score_benchmark(benchmark, tmp_path / "out")
    write_masks(tmp_path / "other" / SCAN, truth.points, {"the chair": truth.of(0)})
    for answered_only in (True, False):
        with pytest.raises(DatasetError, match="answers no question"):
            score_benchmark(benchmark, tmp_path / "other", answered_only)
    write_masks(tmp_path / "far" / SCAN, truth.points + 40, {"I want to sit": truth.of(0)})
    with pytest.raises(DatasetError, match="with the poses of the dataset"):
        score_benchmark(benchmark, tmp_path / "far")


def test_rows_are_written_for_json(tmp_path: Path, truth: Furnished) -> None:
    write_intent3d(tmp_path / "data", truth)
    write_masks(tmp_path / "out" / SCAN, truth.points[::2], {"I want to sit": truth.of(0)[::2]})
    told: list[str] = []
    content = score_benchmark(Intent3D(tmp_path / "data"), tmp_path / "out", tell=told.append).as_dict()
    assert told == [SCAN] and content["benchmark"] == "intent3d" and list(content["groups"]) == ["all"]
    first, second = content["rows"]
    assert first["predicted"] is False and first["iou"] == 0 and second["predicted"] is True
    assert 0.5 < second["covered"] <= 1 and second["scene"] == SCAN
