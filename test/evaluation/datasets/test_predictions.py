"""Label stores and masks of ``ask`` are found by their instruction and carried over to other points."""

from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import write_json
from benchmark_predictions import write_masks, write_store
from hypothesis import given
from hypothesis import strategies as st

from mllm_for3d_ros.errors import DatasetError, LabelStoreError
from mllm_for3d_ros.evaluation.datasets.predictions import Transfer, open_predictions

POINTS = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]], np.float32)


def test_labels_of_a_store(tmp_path: Path) -> None:
    write_store(tmp_path / "s", POINTS, {"the  chair": np.array([0.5, 0.49, np.nan, 0.9])}, presence=0.75)
    answers = open_predictions(tmp_path, "s")
    assert answers is not None and answers.find("the table") is None
    found = answers.find(" the chair\n")
    assert found is not None and found.mask.tolist() == [True, False, False, True]
    assert found.presence == 0.75 and found.score == pytest.approx(0.7, abs=1e-3)
    np.testing.assert_array_equal(found.points, POINTS)


def test_masks_of_ask(tmp_path: Path) -> None:
    write_masks(tmp_path / "s", POINTS, {"the chair": np.array([1, 0, 0, 1], bool), "a dragon": np.zeros(4, bool)})
    answers = open_predictions(tmp_path, "s")
    assert answers is not None and answers.find("the table") is None
    found, nothing = answers.find("the chair"), answers.find("a dragon")
    assert found is not None and nothing is not None
    assert found.mask.tolist() == [True, False, False, True] and found.presence is None
    assert found.score == pytest.approx(0.8, abs=1e-3)
    assert not nothing.mask.any() and nothing.score == 0
    write_json(tmp_path / "s/answer.json", {"answers": [{"mask": "the-chair.npz", "presence": 0.625}]})
    again = open_predictions(tmp_path, "s")
    assert again is not None
    chair, dragon = again.find("the chair"), again.find("a dragon")
    assert chair is not None and chair.presence == 0.625 and dragon is not None and dragon.presence is None


def test_no_predictions_and_damaged_ones(tmp_path: Path) -> None:
    assert open_predictions(tmp_path, "s") is None
    (tmp_path / "s").mkdir()
    assert open_predictions(tmp_path, "s") is None
    for content in (b"", b"PK\x03\x04 cut", b"garbage"):
        (tmp_path / "s/a.npz").write_bytes(content)
        with pytest.raises(DatasetError, match="make it again") as raised:
            open_predictions(tmp_path, "s")
        assert "\n" not in str(raised.value)
    write_store(tmp_path / "t", POINTS, {})
    (tmp_path / "t/scene.json").write_text("{}")
    with pytest.raises(LabelStoreError):
        open_predictions(tmp_path, "t")


@pytest.mark.parametrize(
    "change",
    [
        {"points": POINTS[:2]},
        {"points": np.full((4, 3), np.nan, np.float32)},
        {"mask": np.zeros(4)},
        {"probability": np.zeros(3)},
        {"points": np.array([object()] * 4)},
    ],
)
def test_masks_that_do_not_fit(tmp_path: Path, change: dict) -> None:
    good = {"points": POINTS, "mask": np.zeros(4, bool), "probability": np.zeros(4), "instruction": "the chair"}
    (tmp_path / "s").mkdir()
    np.savez(tmp_path / "s/a.npz", **(good | change))
    answers = open_predictions(tmp_path, "s")
    assert answers is not None
    with pytest.raises(DatasetError, match="make it again"):
        answers.find("the chair")


def test_a_damaged_report_of_ask(tmp_path: Path) -> None:
    write_masks(tmp_path / "s", POINTS, {"the chair": np.zeros(4, bool)})
    (tmp_path / "s/answer.json").write_text('{"answers": [{"mask": "a.npz"}]}')
    with pytest.raises(DatasetError, match=r"answer\.json"):
        open_predictions(tmp_path, "s")


def test_points_take_on_the_answer_of_the_nearest_within_reach() -> None:
    points = np.array([[0.04, 0, 0], [0.06, 0, 0], [1, 0, 0.049], [0.96, 0, 0], [9, 9, 9]], np.float32)
    transfer = Transfer(POINTS, points)
    assert transfer.mask(np.array([True, False, False, False])).tolist() == [True, False, False, False, False]
    assert transfer.mask(np.array([True, True, True, True])).tolist() == [True, False, True, True, False]
    assert transfer.covered == pytest.approx(3 / 5)


@given(st.integers(0, 2**32 - 1))
def test_transfer_agrees_with_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cloud, points, mask = rng.random((30, 3)), rng.random((40, 3)), rng.random(30) < 0.5
    distance = np.linalg.norm(points[:, None] - cloud[None], axis=-1)
    expected = mask[distance.argmin(1)] & (distance.min(1) <= 0.2)
    np.testing.assert_array_equal(Transfer(cloud, points, reach=0.2).mask(mask), expected)


def test_an_empty_cloud_reaches_nothing() -> None:
    transfer = Transfer(np.zeros((0, 3), np.float32), POINTS)
    assert transfer.covered == 0 and not transfer.mask(np.zeros(0, bool)).any()
