"""The log of a training: lines, TensorBoard where it is installed, and a picture."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from mllm_for3d_ros.student.plots import PANEL, plot_losses, running_mean
from mllm_for3d_ros.student.training_log import NO_TENSORBOARD, TrainingLog


def steps_of(log: TrainingLog) -> list[int]:
    return [json.loads(line)["step"] for line in log.lines.read_text().splitlines()]


def test_a_run_that_goes_on_continues_the_log(tmp_path):
    log = TrainingLog(tmp_path, "it")
    for step in (1, 2, 3, 4):
        log.add(step, {"semantic": 1.0 / step}, 0.1)
    with log.lines.open("a") as file:
        file.write('{"step": 5, "ra')  # killed while it wrote
    again = TrainingLog(tmp_path, "it")
    for step in (3, 4):
        again.add(step, {"semantic": 0.0}, 0.1)
    again.close()
    assert steps_of(again) == [1, 2, 3, 4]
    assert json.loads(log.lines.read_text().splitlines()[-1]) == {"step": 4, "rate": 0.1, "losses": {"semantic": 0.0}}
    assert Image.open(again.plot).size == (PANEL[0], PANEL[1] + 30)


def test_without_tensorboard_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert TrainingLog(tmp_path, "it", tensorboard=True).note == NO_TENSORBOARD
    assert TrainingLog(tmp_path, "it").note is None


def test_tensorboard_gets_every_loss(tmp_path, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder):
            written.append(folder)

        def add_scalar(self, name, value, step):
            written.append((name, value, step))

        def close(self):
            written.append("closed")

    module = type(sys)("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    log = TrainingLog(tmp_path, "it", tensorboard=True)
    log.add(1, {"semantic": 0.5}, 0.1)
    log.close()
    assert written == [str(tmp_path / "it_tensorboard"), ("loss/semantic", 0.5, 1), ("rate", 0.1, 1), "closed"]


def test_the_picture_shows_each_loss(tmp_path):
    falling = np.linspace(1, 0, 50).tolist()
    plot_losses(range(50), {"a": falling, "b": [float("nan")] * 50, "c": [2.0] * 50}, tmp_path / "a.png", "it")
    drawn = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).astype(int)
    assert drawn.shape == (2 * PANEL[1] + 30, 2 * PANEL[0], 3)
    blue = (drawn[..., 2] - drawn[..., 0]) > 100
    assert blue[30 : 30 + PANEL[1], : PANEL[0]].any() and not blue[30 : 30 + PANEL[1], PANEL[0] :].any()
    with pytest.raises(ValueError, match="has 1 values for 50 steps"):
        plot_losses(range(50), {"a": [1.0]}, tmp_path / "a.png")


def test_the_running_mean_leaves_out_what_is_not_finite():
    values = np.array([1.0, np.nan, 3.0, 5.0])
    np.testing.assert_allclose(running_mean(values, 2), [1, 1, 3, 4])
    assert np.isnan(running_mean(np.array([np.inf]), 1)[0])
