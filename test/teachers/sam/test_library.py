"""The segment_anything library is asked for by name, and nothing else needs it."""

import sys

import numpy as np
import pytest
import segment_anything_stand_in
import tiny_sam

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.grounding import Located
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.sam import library
from mllm_for3d_ros.teachers.sam.segmenter import Segmenter

CPU = TeacherOptions(device="cpu")


def test_without_the_library_the_message_has_the_command(original_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "segment_anything", None)
    with pytest.raises(TeacherError) as caught:
        Segmenter.load(f"library:{original_file}", CPU)
    assert 'pip install "mllm_for3d_ros[segment-anything]"' in str(caught.value) and "\n" not in str(caught.value)


def test_our_own_path_does_without_torchvision(original_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "segment_anything", None)
    assert Segmenter.load(str(original_file), CPU).fingerprint.name == "sam"


def test_a_missing_file_is_named():
    with pytest.raises(TeacherError, match=r"no folder or file /nowhere/sam\.pth"):
        Segmenter.load("library:/nowhere/sam.pth", CPU)


@pytest.fixture
def stand_in(monkeypatch):
    monkeypatch.setitem(sys.modules, "segment_anything", segment_anything_stand_in)
    monkeypatch.setattr(library, "_BUILDERS", {48: "vit_b"})


@pytest.mark.parametrize("size", [(60, 80), (97, 50)])
def test_the_adapter_gives_the_masks_of_our_own_path(size, stand_in, original_file):
    h, w = size
    image = tiny_sam.picture(h, w, seed=2)
    objects = [
        Located((0.1 * w, 0.2 * h, 0.7 * w, 0.9 * h), None, "box"),
        Located(None, (0.6 * w, 0.4 * h), "point"),
        Located((0.3 * w, 0.1 * h, 0.9 * w, 0.6 * h), (0.5 * w, 0.5 * h), "both"),
    ]
    theirs, ours = (
        Segmenter.load(name, CPU).segment(image, objects) for name in (f"library:{original_file}", str(original_file))
    )
    assert theirs.rows == ours.rows == (0, 1, 2)
    np.testing.assert_allclose(theirs.masks, ours.masks, atol=2e-3)
    np.testing.assert_allclose(theirs.scores, ours.scores, atol=2e-3)
    np.testing.assert_allclose(theirs.features, ours.features, atol=1e-4)


def test_a_file_of_another_size_is_refused(original_file, stand_in, monkeypatch):
    monkeypatch.setattr(library, "_BUILDERS", {768: "vit_b"})
    with pytest.raises(TeacherError, match="none of sam_vit_b, _l and _h"):
        Segmenter.load(f"library:{original_file}", CPU)
