"""The device falls back to the CPU and says so."""

import pytest

from mllm_for3d_ros import device
from mllm_for3d_ros.device import Choice, choose_device
from mllm_for3d_ros.errors import DeviceError


def test_cpu_is_taken_without_a_word() -> None:
    assert choose_device("cpu") == Choice("cpu", None)


@pytest.mark.parametrize("requested", ["auto", "cuda"])
def test_fallback_is_spoken(requested: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cuda_problem", lambda: "no CUDA device was found")
    choice = choose_device(requested)
    assert choice.device == "cpu" and choice.note is not None
    assert "no CUDA device was found" in choice.note and "\n" not in choice.note
    assert ("asked for" in choice.note) == (requested == "cuda")


@pytest.mark.parametrize("requested", ["auto", "cuda"])
def test_a_working_gpu_is_taken(requested: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cuda_problem", lambda: None)
    assert choose_device(requested) == Choice("cuda", None)


def test_the_problem_is_told_on_this_machine() -> None:
    import torch

    assert (device.cuda_problem() is None) == torch.cuda.is_available()


def test_unknown_name() -> None:
    with pytest.raises(DeviceError, match=r"tpu.*auto, cuda, cpu"):
        choose_device("tpu")
