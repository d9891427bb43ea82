"""Findings: what is wrong has a remedy, what is right has none."""

import pytest

from mllm_for3d_ros.doctor.finding import Finding, Level, bad, good, of_error, warning, worst


def test_the_worst_counts() -> None:
    assert worst([]) is Level.OK
    assert worst([good("a", "x"), warning("b", "y", "z")]) is Level.WARNING
    assert worst([bad("a", "x", "y"), good("b", "z")]) is Level.ERROR


@pytest.mark.parametrize(("level", "remedy"), [(Level.OK, "do it"), (Level.WARNING, ""), (Level.ERROR, "")])
def test_a_remedy_belongs_to_what_is_wrong(level: Level, remedy: str) -> None:
    with pytest.raises(ValueError, match="remedy"):
        Finding("check", level, "found", remedy)


@pytest.mark.parametrize(
    ("text", "found", "remedy"),
    [
        ("encoding 'x' is not supported: publish rgb8", "encoding 'x' is not supported", "publish rgb8"),
        ("a: b is\n missing; get  it", "a: b is missing", "get it"),
        ("nothing to say", "nothing to say", "see docs/robot.md"),
    ],
)
def test_an_error_s_remedy_is_its_last_part(text: str, found: str, remedy: str) -> None:
    finding = of_error("check", RuntimeError(text))
    assert (finding.level, finding.found, finding.remedy) == (Level.ERROR, found, remedy)
    assert finding.as_json() == {"check": "check", "level": "error", "found": found, "remedy": remedy}
