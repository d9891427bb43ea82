"""Shipped files are found in a checkout, a pip install and an ament workspace, and missed in one line."""

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from mllm_for3d_ros import assets
from mllm_for3d_ros.errors import CheckpointError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The module as if it lay in a site-packages folder of a machine with nothing else installed."""
    module = tmp_path / "prefix" / "lib" / "python3.11" / "site-packages" / "mllm_for3d_ros" / "assets.py"
    module.parent.mkdir(parents=True)
    shutil.copy(assets.__file__, module)
    monkeypatch.setattr(assets, "__file__", str(module))
    monkeypatch.setattr(assets.sysconfig, "get_path", lambda name: str(tmp_path / "nowhere"))
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    return assets


def test_checkout() -> None:
    assert assets.models_dir() == ROOT / "models"
    assert (assets.config_dir() / "fastdds_shm.xml").is_file()


def test_next_to_an_installed_module(elsewhere: ModuleType, tmp_path: Path) -> None:
    models = tmp_path / "prefix" / "share" / "mllm_for3d_ros" / "models"
    models.mkdir(parents=True)
    assert elsewhere.models_dir() == models


def test_data_path_of_the_interpreter(elsewhere: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "data" / "share" / "mllm_for3d_ros" / "config"
    config.mkdir(parents=True)
    monkeypatch.setattr(elsewhere.sysconfig, "get_path", lambda name: str(tmp_path / "data"))
    assert elsewhere.config_dir() == config


def test_ament_prefix_path(elsewhere: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = tmp_path / "ws" / "install" / "share" / "mllm_for3d_ros" / "models"
    models.mkdir(parents=True)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'opt'}:{tmp_path / 'ws' / 'install'}")
    assert elsewhere.models_dir() == models


def test_missing_is_one_line_with_the_remedy(elsewhere: ModuleType) -> None:
    with pytest.raises(CheckpointError) as caught:
        elsewhere.models_dir()
    message = str(caught.value)
    assert "models" in message and "pip install" in message and "\n" not in message
