"""Where the files that ship beside the code lie: checkpoints and configuration.

Three homes are known: a source checkout, a pip install (``<prefix>/share/mllm_for3d_ros``) and an
ament workspace (the same below its install folder, found through AMENT_PREFIX_PATH).
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from mllm_for3d_ros.errors import CheckpointError

PACKAGE = "mllm_for3d_ros"


def models_dir() -> Path:
    """The folder with the shipped checkpoints.

    Raises:
        CheckpointError: it is not installed.
    """
    return _find("models")


def config_dir() -> Path:
    """The folder with the parameter files and the DDS profile.

    Raises:
        CheckpointError: it is not installed.
    """
    return _find("config")


def _find(name: str) -> Path:
    """The first existing folder ``name`` of the places where it may be installed."""
    for root in _roots(Path(__file__).absolute()):
        if (root / name).is_dir():
            return root / name
    raise CheckpointError(
        f"the {name} folder of {PACKAGE} is not installed: reinstall with `pip install .`, "
        "or source the workspace's install/setup.bash"
    )


def _roots(module: Path) -> Iterator[Path]:
    """Folders that may hold ours, nearest first, for this module installed at ``module``."""
    checkout = module.parents[1]
    if (checkout / "package.xml").is_file() and (checkout / "pyproject.toml").is_file():
        yield checkout
    prefixes = [*module.parents[2:], Path(sysconfig.get_path("data"))]
    prefixes += [Path(p) for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    for prefix in prefixes:
        yield prefix / "share" / PACKAGE
