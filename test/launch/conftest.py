"""Makes the helpers of test/support importable, and launch files loadable without a ROS distribution."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def launch_without_ros(tmp_path: Path) -> Iterator[None]:
    from launch_stand_in import stand_ins

    with stand_ins(share=ROOT, prefix=tmp_path):
        yield
