"""Configurations of trainings: what they say, and what is wrong with them."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mllm_for3d_ros.errors import TrainingError
from mllm_for3d_ros.student.config import TrainConfig, read_config

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "student.yaml"


def written(folder: Path, text: str, suffix: str = ".yaml") -> Path:
    path = folder / f"train{suffix}"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_states_every_default():
    assert read_config(SHIPPED) == TrainConfig((Path("out/label"),))
    said = SHIPPED.read_text()
    for settings in (
        read_config(SHIPPED),
        (training := read_config(SHIPPED).training),
        training.losses,
        training.augmentation,
    ):
        for name in vars(settings):
            assert f"{name}:" in said


def test_only_the_data_must_be_said(tmp_path):
    assert read_config(written(tmp_path, "data: a")).data == (Path("a"),)
    with pytest.raises(
        TrainingError, match=r"train\.yaml: data must name one or more folders .*; config/student\.yaml"
    ):
        read_config(written(tmp_path, "output: out"))


def test_groups_go_where_they_belong(tmp_path):
    text = "data: [a, b]\nepochs: 2\ntraining: {learning_rate: 1e-3, batch: 4}\n"
    config = read_config(written(tmp_path, text + "losses: {spatial: 0}\naugmentation: {mirror: false}"))
    assert config.training.learning_rate == 1e-3 and config.training.losses.spatial == 0.0
    assert not config.training.augmentation.mirror and config.training.augmentation.turns
    assert config.settings(scenes=100, ranks=2) == replace(config.training, steps=25)


def test_toml_says_the_same_where_python_reads_it(tmp_path):
    path = written(tmp_path, 'data = ["a"]\n[training]\nsteps = 7\n', ".toml")
    if sys.version_info >= (3, 11):
        assert read_config(path) == read_config(written(tmp_path, "data: [a]\ntraining: {steps: 7}"))
    else:
        with pytest.raises(TrainingError, match="write the same as YAML"):
            read_config(path)


def test_a_projector_from_nothing_learns_at_the_full_rate(tmp_path):
    assert read_config(written(tmp_path, "data: a\nstart: nothing")).training.projector_rate == 1.0
    text = "data: a\nstart: nothing\ntraining: {projector_rate: 0.5}"
    assert read_config(written(tmp_path, text)).training.projector_rate == 0.5


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("data: a\nstesp: 3", "has no field 'stesp'"),
        ("data: a\ntraining: {stesp: 3}", "training has no field 'stesp'"),
        ("data: a\ntraining: {losses: {}}", "has no field 'losses'"),
        ("data: a\ntraining: {steps: many}", "steps must be int, got 'many'"),
        ("data: a\ntraining: {steps: 0}", "steps must be above 0"),
        ("data: a\ntraining: {ema: 1.5}", r"ema must lie in 0\.\.1"),
        ("data: a\ntraining: {precision: fp8}", "precision must be one of float32, bf16"),
        ("data: a\ntraining: 3", "training must hold fields"),
        ("data: a\nepochs: true", "epochs must be a number"),
        ("data: a\nheld_out: 1", "held_out must be at least 2"),
        ("data: a\ndevice: tpu", "device must be one of auto, cuda, cpu"),
        ("- a", "must hold fields"),
        ("data: [", "is no YAML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, cause):
    with pytest.raises(TrainingError, match=cause):
        read_config(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TrainingError, match="cannot be read"):
        read_config(tmp_path / "no.yaml")
