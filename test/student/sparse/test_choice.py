"""Which backend runs, and what is said when it is not the engine."""

import logging

import pytest
import torch

from mllm_for3d_ros.errors import DeviceError
from mllm_for3d_ros.student.sparse import backend_for, choice, use_backend
from mllm_for3d_ros.student.sparse import engine as engine_module
from mllm_for3d_ros.student.sparse.choice import BACKEND_VARIABLE
from mllm_for3d_ros.student.sparse.engine import load_library

ROWS = torch.zeros(2, 3)


def test_a_backend_is_asked_for_by_name():
    assert backend_for(ROWS).name == "cpp"
    with use_backend("torch"):
        assert backend_for(ROWS).name == "torch"
        with use_backend("cpp"):
            assert backend_for(ROWS).name == "cpp"
    assert backend_for(ROWS).name == "cpp"


def test_the_environment_names_a_backend(monkeypatch):
    monkeypatch.setenv(BACKEND_VARIABLE, "torch")
    assert backend_for(ROWS).name == "torch"


@pytest.mark.parametrize("name", ["spconv", "spconv_triton"])
def test_a_backend_that_cannot_run_here_is_no_silent_fallback(name):
    with use_backend(name), pytest.raises(DeviceError, match=f"{name} cannot be used: .* on a GPU, not on cpu"):
        backend_for(ROWS)


def test_unknown_backends_are_refused():
    with pytest.raises(DeviceError, match="unknown sparse backend 'cuda'"), use_backend("cuda"):
        pass


def test_without_the_engine_torch_takes_over_and_says_so_once(monkeypatch, caplog):
    engine_module.engine.cache_clear()
    choice._say_once.cache_clear()
    monkeypatch.setattr(engine_module, "LIBRARY", "nowhere.so")
    try:
        with caplog.at_level(logging.WARNING):
            names = {backend_for(ROWS).name for _ in range(3)}
    finally:
        engine_module.engine.cache_clear()
        choice._say_once.cache_clear()
    assert names == {"torch"}
    (record,) = caplog.records
    assert "nowhere.so was not built; build it with: pip install -e ." in record.getMessage()


def test_rows_that_the_engine_does_not_take_run_in_torch_and_it_is_said_once(caplog):
    choice._say_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        names = {backend_for(ROWS.bfloat16()).name for _ in range(3)}
    assert names == {"torch"}
    (record,) = caplog.records
    assert "not in bfloat16" in record.getMessage()


def test_a_damaged_library_is_named_as_the_cause(tmp_path):
    (tmp_path / "lib.so").write_bytes(b"no library")
    assert "does not load" in load_library(tmp_path / "lib.so")
    assert load_library(tmp_path / "other.so") == "other.so was not built"
