"""What a model file says of itself."""

import json

import pytest
import torch

from mllm_for3d_ros.assets import models_dir
from mllm_for3d_ros.checkpoint import save_checkpoint
from mllm_for3d_ros.cli import main as cli

CARD = {
    "kind": "student",
    "licence": "MIT",
    "thresholds": {"mask_share": 0.3},
    "started_from": "student 0123",
    "classes": ["a"],
}


@pytest.fixture
def model(tmp_path):
    tensors = {"unet.stem.weight": torch.zeros(3, 4), "bias": torch.zeros(()), "unet.norm.running_mean": torch.zeros(9)}
    save_checkpoint(tmp_path / "it.safetensors", tensors, CARD)
    return tmp_path / "it.safetensors"


def test_a_table_for_people(model, capsys):
    assert cli.main(["model", "info", str(model)]) == 0
    said = {name: text.strip() for name, text in (line.split("  ", 1) for line in capsys.readouterr().out.splitlines())}
    assert said["parameters"] in ("13 (unet 12, bias 1)", "13 (bias 1, unet 12)")
    assert said["licence"] == "MIT" and said["started from"] == "student 0123"
    assert said["thresholds"] == "mask_share 0.3"
    assert said["sha256"].endswith("(that of the file)") and said["classes"] == "a"


def test_json_for_programs(model, capsys):
    assert cli.main(["model", "info", str(model), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["parameters"] == 13 and info["sha256_matches"] and info["thresholds"] == {"mask_share": 0.3}
    assert info["bytes"] == model.stat().st_size and info["dtypes"] == ["F16"]


def test_weights_of_another_card_are_told(model, capsys):
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    assert cli.main(["model", "info", str(model)]) == 1
    assert "NOT that of the file" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"\xff" * 20, b"\x02\0\0\0\0\0\0\0no"])
def test_a_damaged_file_is_one_line(model, content, capsys):
    model.write_bytes(content)
    assert cli.main(["model", "info", str(model)]) == 2
    assert "is no safetensors file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["student", "teacher_compact"])
def test_the_shipped_models_are_described(name, capsys):
    assert cli.main(["model", "info", str(models_dir() / f"{name}.safetensors"), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["parameters"] > 1e6 and info["licence"] == "Apache-2.0" and info["inputs"]
