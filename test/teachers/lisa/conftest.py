"""Makes the helpers in test/support importable; the tiny checkpoint is made once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """Folders of a tiny LISA checkpoint and of its CLIP tower."""
    from tiny_lisa import save_tiny_lisa

    return save_tiny_lisa(tmp_path_factory.mktemp("tiny_lisa"))


@pytest.fixture
def editable(checkpoint, tmp_path):
    """A copy of the checkpoint folder, to be broken."""
    import shutil

    return Path(shutil.copytree(checkpoint[0], tmp_path / "lisa"))


@pytest.fixture(scope="session")
def teacher(checkpoint):
    """The tiny checkpoint as a teacher."""
    from mllm_for3d_ros.teachers.lisa import LisaTeacher
    from mllm_for3d_ros.teachers.options import TeacherOptions

    return LisaTeacher.load(str(checkpoint[0]), TeacherOptions(device="cpu", clip=str(checkpoint[1]), batch_size=2))
