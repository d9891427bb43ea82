"""A student from label stores, end to end at a very small size."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from label_store_scene import toy_store

from mllm_for3d_ros.checkpoint import load_checkpoint, save_checkpoint
from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.errors import TrainingError
from mllm_for3d_ros.student.config import TrainConfig
from mllm_for3d_ros.student.from_stores import start_network
from mllm_for3d_ros.student.judge import Judge
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.student.prediction import Student
from mllm_for3d_ros.student.reading import Reading


def test_stores_become_a_student_with_a_card(tmp_path, encoder, capsys):
    for name in ("one", "two"):
        toy_store(tmp_path / "labels" / name, name)
    config = tmp_path / "train.yaml"
    config.write_text(
        f"data: {tmp_path}/labels\noutput: {tmp_path}/out\nname: mine\nstart: nothing\nconcepts: 5\nheld_out: 2\n"
        "device: cpu\nlicence: MIT\ntraining: {steps: 2, batch: 1}\n"
    )
    assert cli.main(["train", str(config)]) == 0
    model = tmp_path / "out" / "mine.safetensors"
    assert str(model) in capsys.readouterr().out
    _, card = load_checkpoint(model, "student")
    assert card["labels"] == "pseudo-labels of toy:teacher" and card["licence"] == "MIT"
    assert card["command"] == f"mllm-for3d train {config}" and card["data"].startswith(
        "1 scenes of label stores, 1 more"
    )
    assert card["settings"]["steps"] == 2 and set(card["thresholds"]) == {"mask_share", "presence"}
    assert Student.load(model, "cpu", encoder).fingerprint.startswith("student:")
    lines = (tmp_path / "out" / "mine_losses.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2]
    assert set(json.loads(lines[0])["losses"]) == {"semantic", "contrast", "token", "presence"}
    assert (tmp_path / "out" / "mine_losses.png").is_file()


def test_one_store_is_too_few(tmp_path, capsys):
    toy_store(tmp_path / "labels")
    (tmp_path / "train.yaml").write_text(f"data: {tmp_path}/labels\noutput: {tmp_path}/out\ndevice: cpu\n")
    assert cli.main(["train", str(tmp_path / "train.yaml")]) == 2
    assert "1 training scenes; give two or more" in capsys.readouterr().err


def test_a_start_is_named_on_the_card():
    config = TrainConfig((Path("a"),))
    network, said = start_network(config)
    assert said["started_from"].startswith("student ") and len(said["classes"]) == network.projector.classes
    with pytest.raises(TrainingError, match="unknown network 'resnet': choose one of compact, minkunet14a"):
        start_network(replace(config, network="resnet"))


def test_the_judge_of_a_start_does_not_hold_for_other_weights(tmp_path):
    network, path = StudentNetwork(3), tmp_path / "student.safetensors"
    network.judge, network.reading = Judge(11, 4), Reading()
    save_checkpoint(path, network.state_dict(), {"kind": "student"})
    assert StudentNetwork.of_checkpoint(path)[0].judge is not None
    started, _ = start_network(TrainConfig((Path("a"),), start=str(path)))
    assert started.judge is None and started.reading is None


def test_another_network_takes_the_projector_of_its_start():
    shipped, _ = start_network(TrainConfig((Path("a"),)))
    network, said = start_network(TrainConfig((Path("a"),), network="minkunet14a"))
    assert network.kind == "minkunet14a" and said["started_from"].endswith("(its query projector)")
    for name, value in shipped.projector.state_dict().items():
        torch.testing.assert_close(network.projector.state_dict()[name], value)


def test_one_seed_is_one_start():
    config = TrainConfig((Path("a"),), start="nothing", concepts=3)
    one, other = (start_network(config)[0].state_dict() for _ in range(2))
    assert all((value == other[name]).all() for name, value in one.items())
