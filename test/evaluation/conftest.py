"""Makes the helpers in test/support importable, and maps one small room for all."""

import sys
from pathlib import Path

import pytest

from mllm_for3d_ros.evaluation.mapped_room import MappedRoom, map_room

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))


@pytest.fixture(scope="session")
def room() -> MappedRoom:
    return map_room(9, frames=8)
