import pytest

from mllm_for3d_ros.nodes.stage_times import StageTimes


def test_percentiles_of_every_stage() -> None:
    times = StageTimes()
    for ms in range(101):
        times.add("answer", ms / 1000)
    times.add("encode", 2.0)
    assert times.figures() == {
        "answer_ms_p50": "50.0", "answer_ms_p95": "95.0", "encode_ms_p50": "2000.0", "encode_ms_p95": "2000.0"
    }  # fmt: skip


def test_old_times_are_forgotten() -> None:
    times = StageTimes()
    for _ in range(300):
        times.add("answer", 1.0)
    for _ in range(300):
        times.add("answer", 2.0)
    assert times.figures()["answer_ms_p50"] == "2000.0" == times.figures()["answer_ms_p95"]


def test_a_block_is_measured_unless_it_fails() -> None:
    times = StageTimes()
    with times.measure("work"):
        pass
    with pytest.raises(ZeroDivisionError), times.measure("failure"):
        raise ZeroDivisionError
    assert times.figures().keys() == {"work_ms_p50", "work_ms_p95"}
