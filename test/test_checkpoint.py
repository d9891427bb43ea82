"""Model files and their cards."""

import json

import pytest
import torch

from mllm_for3d_ros.checkpoint import fill_module, load_checkpoint, save_checkpoint
from mllm_for3d_ros.errors import CheckpointError


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, {"weight": torch.ones(2, 3), "count": torch.tensor(4)}, {"kind": "student"})
    return path


def test_weights_and_card_come_back(saved):
    tensors, card = load_checkpoint(saved, "student")
    assert tensors["weight"].dtype == torch.float32 and tensors["count"] == 4
    assert card["kind"] == "student" and len(card["sha256"]) == 64


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"none\.safetensors not found; give the path"):
        load_checkpoint(tmp_path / "none.safetensors", "student")


def test_another_kind_is_refused(saved):
    with pytest.raises(CheckpointError, match="is a 'student' checkpoint; give the path of a teacher"):
        load_checkpoint(saved, "teacher")


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b""])
def test_damaged_weights_are_one_line(saved, damage):
    saved.write_bytes(damage(saved.read_bytes()))
    with pytest.raises(CheckpointError) as raised:
        load_checkpoint(saved, "student")
    assert "\n" not in str(raised.value) and "restore" in str(raised.value)


def test_a_damaged_card_is_one_line(saved):
    saved.with_suffix(".json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(saved, "student")


def test_a_newer_format_is_refused(saved):
    card = json.loads(saved.with_suffix(".json").read_text())
    saved.with_suffix(".json").write_text(json.dumps(card | {"format": 99}))
    with pytest.raises(CheckpointError, match="format 99"):
        load_checkpoint(saved, "student")


def test_weights_that_do_not_fit_are_refused_in_one_line(saved):
    tensors, _ = load_checkpoint(saved, "student")
    with pytest.raises(CheckpointError, match="does not fit the network") as raised:
        fill_module(torch.nn.Linear(5, 5), tensors, "", saved)
    assert "\n" not in str(raised.value)
