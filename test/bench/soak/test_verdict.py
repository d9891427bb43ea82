"""What counts as an answer, and which bars are missed."""

import pytest

from bench.soak.verdict import BARS, Asked, Figures, figures

GOOD = Figures(30.0, 10, 0, 0.01, 40.0, 90.0, 0.9, 0.5)


def test_good_figures_miss_nothing() -> None:
    assert GOOD.missed() == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fused_hz", 28.9),
        ("unanswered", 1),
        ("memory_growth", 0.051),
        ("latency_ms_p50", 101.0),
        ("latency_ms_p99", 501.0),
        ("mapping_cpu", 0.61),
        ("latency_ms_p50", float("nan")),
    ],
)
def test_each_bar_can_be_missed(name: str, value: float) -> None:
    changed = Figures(**{**GOOD.__dict__, name: value})
    assert list(changed.missed()) == [name]
    assert BARS[name][0] in changed.missed()[name]


@pytest.mark.parametrize(
    ("status", "age", "answered"),
    [
        ("OK", 1.0, True),
        ("NO_TARGET", 1.9, True),
        ("OK", 2.1, False),
        ("NOT_READY", 0.0, False),
        ("REJECTED", 0.0, False),
        (None, float("inf"), False),
    ],
)
def test_only_answers_on_a_fresh_map_count(status: str | None, age: float, answered: bool) -> None:
    assert Asked(status, 10.0, age).answered is answered


def test_figures_of_a_run() -> None:
    asked = [Asked("OK", float(ms), 1.0) for ms in range(1, 100)] + [Asked("ERROR", 9999.0, 1.0)]
    got = figures(29.5, asked, {"mapping_node": 0.01, "reasoning_node": -0.2}, 0.4)
    assert (got.fused_hz, got.asked, got.unanswered, got.memory_growth) == (29.5, 100, 1, 0.01)
    assert got.latency_ms_p50 == pytest.approx(50.0) and got.latency_ms_p99 < 100
    nothing = figures(0.0, [Asked(None, float("inf"), float("inf"))], {"mapping_node": 0.0}, 0.0)
    assert {"unanswered", "latency_ms_p50", "latency_ms_p99"} <= set(nothing.missed())
