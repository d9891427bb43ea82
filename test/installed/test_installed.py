"""What an installation holds that `ros2 run`, launch files and nodes look for.

Run by `colcon test`, where there is one; not by `make test`, for `pip install -e` installs no share folder.
"""

import importlib
import os
import subprocess
from pathlib import Path

import pytest
from ament_index_python import get_package_prefix, get_resource

import mllm_for3d_ros
from mllm_for3d_ros.student.sparse.engine import LIBRARY, load_library

PACKAGE = "mllm_for3d_ros"
ROOT = Path(__file__).resolve().parents[2]
EXECUTABLES = sorted(path.name for path in (ROOT / "scripts").iterdir())


@pytest.fixture(scope="module")
def prefix() -> Path:
    return Path(get_package_prefix(PACKAGE))


def test_modules_and_share_folder_are_of_one_installation(prefix: Path) -> None:
    module = Path(mllm_for3d_ros.__file__).absolute()
    assert prefix in module.parents


@pytest.mark.parametrize("name", EXECUTABLES)
def test_executable_lies_where_ros2_run_looks(name: str, prefix: Path) -> None:
    assert os.access(prefix / "lib" / PACKAGE / name, os.X_OK)


def test_command_line_runs_from_there(prefix: Path) -> None:
    ran = subprocess.run([prefix / "lib" / PACKAGE / "mllm-for3d", "--version"], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.strip()) == (0, f"mllm-for3d {mllm_for3d_ros.__version__}"), ran.stderr


@pytest.mark.parametrize("folder", ["config", "examples", "launch", "models", "rviz"])
def test_share_folder_holds_every_file(folder: str, prefix: Path) -> None:
    installed = prefix / "share" / PACKAGE / folder
    shipped = {p.relative_to(ROOT / folder) for p in (ROOT / folder).rglob("*") if p.is_file() and p.suffix != ".pyc"}
    assert shipped
    assert {path for path in shipped if not (installed / path).is_file()} == set()


def test_every_interface_is_in_the_index_and_can_be_imported() -> None:
    content, _ = get_resource("rosidl_interfaces", PACKAGE)
    indexed = set(content.split())
    for path in (path for kind in ("msg", "srv", "action") for path in (ROOT / kind).iterdir()):
        assert f"{path.parent.name}/{path.name}" in indexed
        assert hasattr(importlib.import_module(f"{PACKAGE}.{path.parent.name}"), path.stem)


def test_sparse_engine_lies_beside_its_module() -> None:
    module = importlib.import_module("mllm_for3d_ros.student.sparse.engine")
    library = load_library(Path(str(module.__file__)).with_name(LIBRARY))
    assert not isinstance(library, str), library
