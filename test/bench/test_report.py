import json

import pytest

from bench.fusion import cost
from bench.report import report


def test_the_last_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    report("name", {"frame_ms_p50": 1.23456789, "ratio": 2.0})
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["bench"] == "name" and result["results"] == {"frame_ms_p50": 1.23457, "ratio": 2.0}
    assert result["machine"]["cores"] >= 1


def test_cost_is_measured_in_milliseconds() -> None:
    clock, processor = cost(lambda: sum(range(100_000)))
    assert 0 < processor <= clock * 1.5 + 5 and clock < 60_000
