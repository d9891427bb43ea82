"""Makes the helpers of test/support importable; tiny checkpoints, made once."""

import functools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

import pytest


@pytest.fixture(scope="session")
def sam_folders(tmp_path_factory):
    """family -> checkpoint folder."""
    import tiny_sam

    root = tmp_path_factory.mktemp("sam")
    return {family: tiny_sam.save_tiny_sam(family, root / family) for family in tiny_sam.FAMILIES}


@pytest.fixture(scope="session")
def original_file(tmp_path_factory):
    """The tiny SAM as a ``.pth`` file of the original code."""
    import tiny_sam

    return tiny_sam.save_original_sam(tmp_path_factory.mktemp("original") / "sam_vit_t.pth")


@pytest.fixture(scope="session")
def load_segmenter(sam_folders):
    """The segmenter of a family on the CPU; options may be given. Loaded once for equal options."""
    from mllm_for3d_ros.teachers.options import TeacherOptions
    from mllm_for3d_ros.teachers.sam.segmenter import Segmenter

    @functools.cache
    def load(family: str, **options) -> Segmenter:
        return Segmenter.load(str(sam_folders[family]), TeacherOptions(**{"device": "cpu", **options}))

    return load
