"""``eval rooms`` asks held-out phrases of held-out rooms, and prints tables or one JSON object."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from student_support import ColorStudent

from mllm_for3d_ros.answering import loading
from mllm_for3d_ros.answering.answerer import Answerer
from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.cli.arguments import seeds

SMALL = ["eval", "rooms", "--seeds", "9", "--frames", "4", "--teacher", "simulated", "--per-kind", "1", "--absent", "1"]
FIGURES = {"n", "miou", "acc25", "acc50", "specificity", "recall", "miou_interval", "ece"}


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "load_answerer", lambda checkpoint, device: (Answerer(ColorStudent()), None))


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    content = json.loads(capsys.readouterr().out)
    assert isinstance(content, dict)
    return content


def test_one_json_object_for_all_systems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*SMALL, "--json", "--views", "2", "--out", str(tmp_path / "a" / "rows.json")]) == 0
    content = printed(capsys)
    for system in ("projection", "lifted", "student", "ceiling"):
        assert {"overall", "explicit", "implicit", "absent"} <= set(content[system])
        assert all(set(figures) >= FIGURES for figures in content[system].values())
        assert content[system]["overall"]["n"] == content["projection"]["overall"]["n"]
    assert content["student"]["overall"]["miou"] == 0 and content["models"]["student"] == "stand-in:0000"
    assert content["ceiling"]["overall"]["miou"] >= content["lifted"]["overall"]["miou"]
    assert content["cost"]["lifted"]["teacher_calls_per_instruction"] == 2
    assert content["seeds"] == [9] and content["phrases"] == "validation"
    assert content["faults"]["lifted"]["hallucination"] == 0.2
    saved = json.loads((tmp_path / "a" / "rows.json").read_text())
    rows = saved.pop("rows")
    assert saved == content and len(rows) == 4 * content["lifted"]["overall"]["n"]
    assert {"system", "seed", "text", "class", "kind", "present", "answered", "iou"} <= set(rows[0])


def test_tables_and_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*SMALL, "--systems", "lifted", "--hallucination", "0", "--miss", "0", "--ragged", "0"]) == 0
    text = capsys.readouterr().out
    assert "lifted (simulated:" in text and "student" not in text and "specificity" in text and "teacher calls" in text
    assert cli.main([*SMALL, "--hallucination", "0.7", "--miss", "0.6"]) == 2
    assert "hallucination + miss" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main([*SMALL, "--systems", "lifted,oracle"])
    assert "unknown system 'oracle'" in capsys.readouterr().err


def test_foreign_phrases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.json"
    rows = [
        {"class": "table", "text": "where plates go", "kind": "implicit"},
        {"class": "table", "text": "the table with a story", "kind": "attribute"},
        {"class": None, "text": "a dragon", "kind": "absent"},
    ]
    mine.write_text(json.dumps(rows))
    target = tmp_path / "out.json"
    command = [*SMALL, "--systems", "student", "--phrases", str(mine), "--out", str(target), "--json"]
    assert cli.main(command) == 0
    assert "1 attribute or relational phrases without a plain rule" in capsys.readouterr().err
    content = json.loads(target.read_text())
    assert {row["text"] for row in content["rows"]} <= {"where plates go", "a dragon"}
    assert content["phrases"] == "mine.json", "no path of this machine"
    rows[0]["class"] = "couch"
    mine.write_text(json.dumps(rows))
    assert cli.main(command) == 2
    assert "unknown class 'couch'" in capsys.readouterr().err


def test_the_ablation_writes_its_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "results.md"
    few = ["--per-class", "1", "--per-kind", "1", "--pictures", "0", "--frames", "3", "--json"]
    assert cli.main([*SMALL, *few, "--ablation", "--docs", str(target)]) == 0
    content, text = printed(capsys), target.read_text()
    assert content["simulated/ceiling@4"]["overall"]["miou"] > 0.3 and "simulated/" in content["comparisons"]
    assert "`mllm-for3d eval rooms --ablation --seeds 9:10 --workers 1`" in text and "student" in text
    assert str(tmp_path) not in text and "### Cases" not in text


def test_seeds() -> None:
    assert seeds("10000:10003") == [10000, 10001, 10002] and seeds("5,7") == [5, 7]
    for wrong in ("", "a", "5:5", "-3", "1:x"):
        with pytest.raises(argparse.ArgumentTypeError):
            seeds(wrong)
