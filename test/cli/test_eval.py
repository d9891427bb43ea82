"""``eval`` asks held-out phrases of held-out rooms and prints a table."""

import argparse
import json
from pathlib import Path

import pytest
from student_support import ColorStudent

from mllm_for3d_ros.answering import loading
from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.cli.arguments import seeds


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "load_answerer", lambda checkpoint, device: (Answerer(ColorStudent()), None))


def test_rooms_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "figures" / "eval.json"
    assert cli.main(["eval", "rooms", "--seeds", "9", "--frames", "4", "--json", str(target)]) == 0
    printed = capsys.readouterr().out
    assert "mIoU" in printed and "implicit" in printed and "latency p50" in printed
    content = json.loads(target.read_text())
    (report,) = content["reports"]
    assert report["system"] == "student" and report["groups"]["all"]["miou"] == 0
    assert report["groups"]["absent"]["specificity"] == 1 and content["phrases"] == "validation"


def test_foreign_phrases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.json"
    rows = [
        {"class": "table", "text": "where plates go", "kind": "implicit"},
        {"class": "table", "text": "the brown table", "kind": "attribute"},
        {"class": None, "text": "a dragon", "kind": "absent"},
    ]
    mine.write_text(json.dumps(rows))
    command = ["eval", "rooms", "--seeds", "9", "--frames", "4", "--phrases", str(mine), "--json", str(tmp_path / "j")]
    assert cli.main(command) == 0
    assert "1 phrases of other kinds" in capsys.readouterr().err
    texts = [row["text"] for row in json.loads((tmp_path / "j").read_text())["reports"][0]["rows"]]
    assert set(texts) <= {"where plates go", "a dragon"}
    rows[0]["class"] = "couch"
    mine.write_text(json.dumps(rows))
    assert cli.main(command) == 2
    assert "unknown class 'couch'" in capsys.readouterr().err


def test_seeds() -> None:
    assert seeds("10000:10003") == [10000, 10001, 10002] and seeds("5,7") == [5, 7]
    for wrong in ("", "a", "5:5", "-3", "1:x"):
        with pytest.raises(argparse.ArgumentTypeError):
            seeds(wrong)
