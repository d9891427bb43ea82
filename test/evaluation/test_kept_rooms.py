"""Measured rooms outlive an interruption."""

from pathlib import Path

import pytest

from mllm_for3d_ros.errors import CacheError
from mllm_for3d_ros.evaluation.kept_rooms import measure_and_keep
from mllm_for3d_ros.evaluation.metrics import Overlap, Scored
from mllm_for3d_ros.evaluation.rooms_benchmark import RoomResult
from mllm_for3d_ros.evaluation.scoring import Draw, Row
from mllm_for3d_ros.rooms.instructions import RoomInstruction
from mllm_for3d_ros.types import Status


class Meter:
    """Measures rooms, and notes which."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.measured: list[int] = []
        self._fails_at = fails_at

    def __call__(self, seeds):
        for seed in seeds:
            if seed == self._fails_at:
                raise KeyboardInterrupt
            self.measured.append(seed)
            yield result(seed)


def result(seed: int) -> RoomResult:
    asked = RoomInstruction("the rødgrød door", "door", Status.OK, "attribute", (3, 4))
    draws = (
        Draw(Scored(True, True, Overlap(5, seed)), 0.25, 4, 0.5),
        Draw(Scored(True, False, Overlap(0, 9)), 0, 4, 1),
    )
    return RoomResult(seed, 1000, (Row("lifted", seed, asked, draws),), {"map": 1.5}, {"lifted": "t:1"})


def test_an_interrupted_run_measures_what_is_missing(tmp_path: Path) -> None:
    first, second = Meter(fails_at=9), Meter()
    with pytest.raises(KeyboardInterrupt):
        list(measure_and_keep(tmp_path / "kept", "plan a", [7, 8, 9, 10], first))
    results = list(measure_and_keep(tmp_path / "kept", "plan a", [10, 7, 8, 9], second))
    assert first.measured == [7, 8] and second.measured == [10, 9]
    assert results == [result(seed) for seed in (10, 7, 8, 9)]


def test_results_of_another_plan_are_not_mixed_in(tmp_path: Path) -> None:
    list(measure_and_keep(tmp_path, "plan a", [7], Meter()))
    with pytest.raises(CacheError, match="give another folder"):
        list(measure_and_keep(tmp_path, "plan b", [7], Meter()))


@pytest.mark.parametrize("content", ["{", "{}", '{"seed": 7, "rows": [{}]}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    list(measure_and_keep(tmp_path, "plan", [7], Meter()))
    (tmp_path / "room_00007.json").write_text(content)
    with pytest.raises(CacheError, match=r"room_00007\.json is damaged"):
        list(measure_and_keep(tmp_path, "plan", [7], Meter()))
