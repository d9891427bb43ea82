"""``teachers`` says plainly what can run here and what to type."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.teachers import readiness
from mllm_for3d_ros.teachers.readiness import Machine


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with a large GPU and no weights."""
    monkeypatch.setattr(readiness, "this_machine", lambda: Machine(80.0, None, 64.0))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def test_the_table_names_all_and_what_was_never_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["teachers"]) == 0
    printed = capsys.readouterr().out
    for name in ("compact", "qwen-vl", "lisa", "sam3", "openai", "facebook/sam-vit-huge"):
        assert name in printed
    assert "hf download Qwen/Qwen3-VL-8B-Instruct" in printed and "hf auth login" in printed
    assert "real weights of qwen-vl, lisa, sam3, openai, and those of every SAM, have NEVER been run" in printed


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["teachers", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in shown["teachers"]}
    assert rows["compact"]["runs_here"] and rows["compact"]["verified"] and not rows["compact"]["lacks"]
    assert not rows["lisa"]["runs_here"] and not rows["lisa"]["verified"]
    assert [lack["command"] for lack in rows["lisa"]["lacks"]] == [
        "hf download xinlai/LISA-7B-v1",
        "hf download openai/clip-vit-large-patch14",
    ]
    assert "endpoint" in json.dumps(rows["openai"]["lacks"]) and not any(row["verified"] for row in shown["segmenters"])


def test_weights_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["teachers", f"qwen-vl:{tmp_path}", "--sam", str(tmp_path), "--json"]
    assert cli.main(command) == 0
    (row,) = json.loads(capsys.readouterr().out)["teachers"]
    assert row["runs_here"] and row["model"] == str(tmp_path)


def test_unknown_teacher(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["teachers", "gpt"]) == 2
    assert "choose one of compact, qwen-vl" in capsys.readouterr().err


def test_it_runs_as_installed() -> None:
    command = [sys.executable, "-m", "mllm_for3d_ros.cli.main", "teachers", "compact"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "shipped" in run.stdout and "have been run by us" in run.stdout
