"""The machine: device, models, engine, messages."""

import shutil
import sys
from pathlib import Path
from unittest import mock

import pytest

from mllm_for3d_ros.assets import models_dir
from mllm_for3d_ros.doctor import machine
from mllm_for3d_ros.doctor.finding import Level


def test_a_device_that_is_asked_for_must_work() -> None:
    with mock.patch("mllm_for3d_ros.device.cuda_problem", lambda: "no CUDA device was found"):
        assert machine.check_device("auto").level is Level.OK
        assert "no CUDA" in machine.check_device("cuda").found and machine.check_device("cuda").level is Level.ERROR
        assert machine.check_device("cpu").found == "cpu"
    with mock.patch("mllm_for3d_ros.device.cuda_problem", lambda: None):
        assert machine.check_device("cuda").found == "cuda"
    assert machine.check_device("tpu").level is Level.ERROR


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    assert [finding.level for finding in machine.check_files()] == [Level.OK]
    for path in models_dir().glob("student.*"):
        shutil.copy(path, tmp_path)
    with (tmp_path / "student.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    with mock.patch.object(machine, "models_dir", lambda: tmp_path):
        (finding,) = machine.check_files()
    assert finding.level is Level.ERROR and "student.safetensors" in finding.found


def test_a_model_that_does_not_load_is_named(tmp_path: Path) -> None:
    finding = machine.check_model(tmp_path / "mine.safetensors")
    assert finding.level is Level.ERROR and "mine.safetensors" in finding.found


def test_a_missing_engine_is_a_warning() -> None:
    assert machine.check_engine().level is Level.OK
    with mock.patch("mllm_for3d_ros.student.sparse.engine.engine", lambda: None):
        assert machine.check_engine().level is Level.WARNING


def test_messages_are_built_and_what_is_optional_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.check_interfaces()[0].level is Level.OK
    monkeypatch.setitem(sys.modules, "mllm_for3d_ros.srv", None)
    monkeypatch.setattr(machine, "OPTIONAL", {"no_such_msgs": "nothing is lost"})
    wrong, told = machine.check_interfaces()
    assert wrong.level is Level.ERROR and "Segment" in wrong.found
    assert told.level is Level.OK and "no_such_msgs" in told.found
