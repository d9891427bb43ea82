"""``eval reason3d`` and the like: questions out, predictions in, a table and a JSON file of figures."""

import json
from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import REGION, SCAN, furnished, write_intent3d, write_reason3d
from benchmark_predictions import write_masks, write_store

from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.language.instruction_file import collect_instructions


def rows_of(printed: str) -> dict[str, list[str]]:
    """The words of each line by the first of them."""
    return {line.split()[0]: line.split() for line in printed.splitlines()}


def test_questions_go_to_files_that_label_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_reason3d(tmp_path / "data", furnished())
    assert cli.main(["eval", "reason3d", "--data", f"{tmp_path}/data", "--questions", f"{tmp_path}/ask"]) == 0
    assert "4 questions on 2 scenes" in capsys.readouterr().out
    written = collect_instructions([str(tmp_path / f"ask/{SCAN}.json")])
    assert written == ("something to sit on", "where do plates go?")


def test_predictions_are_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = furnished()
    write_reason3d(tmp_path / "data", truth, prepared=False)
    write_store(tmp_path / "out" / REGION, truth.points, {"somewhere to rest": truth.of(0, 2) * 1.0})
    command = ["eval", "reason3d", "--data", f"{tmp_path}/data", "--predictions", f"{tmp_path}/out"]
    assert cli.main([*command, "--json", f"{tmp_path}/figures/r.json"]) == 0
    printed = capsys.readouterr()
    table = rows_of(printed.out)
    assert table["all"][1:5] == ["4", "1", "33.33", "%"] and table["mp3d"][3:5] == ["100.00", "%"]
    assert "box" not in printed.out and "3 questions have no prediction" in printed.err
    content = json.loads((tmp_path / "figures/r.json").read_text())
    assert content["split"] == "val" and content["groups"]["mp3d"]["miou"] == 1 and len(content["rows"]) == 4
    assert cli.main([*command, "--answered-only"]) == 0
    printed = capsys.readouterr()
    assert "no prediction" not in printed.err and rows_of(printed.out)["all"][1:3] == ["1", "1"]


def test_boxes_have_their_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = furnished()
    write_intent3d(tmp_path / "data", truth)
    answers = {"I want to sit": truth.of(0), "I want to put down my plate": np.zeros(len(truth.owner), bool)}
    write_masks(tmp_path / "out" / SCAN, truth.points, answers)
    command = ["eval", "intent3d", "--data", f"{tmp_path}/data", "--predictions", f"{tmp_path}/out"]
    assert cli.main(command) == 0
    printed = capsys.readouterr().out
    assert "box Acc@0.25" in printed and rows_of(printed)["all"][-2:] == ["50.00", "%"]


def test_errors_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for suite in ("reason3d", "instruct3d", "intent3d"):
        assert cli.main(["eval", suite, "--data", str(tmp_path), "--predictions", str(tmp_path)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(SystemExit):
        cli.main(["eval", "reason3d", "--data", str(tmp_path)])
