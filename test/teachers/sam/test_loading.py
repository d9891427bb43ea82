"""Checkpoints that load, and the one line that says why another does not."""

import json
import shutil

import numpy as np
import pytest
import tiny_sam
import torch
from safetensors.torch import load_file, save_file

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.grounding import Located
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.sam.loading import load_mask_model
from mllm_for3d_ros.teachers.sam.segmenter import Segmenter

CPU = TeacherOptions(device="cpu")
IMAGE = tiny_sam.picture(48, 64, seed=1)
BOX = [Located((8, 8, 40, 40), None, "box")]


@pytest.fixture
def folder(sam_folders, tmp_path):
    """A copy of the tiny SAM 2 to spoil."""
    return shutil.copytree(sam_folders["sam2"], tmp_path / "spoilt")


def refusal(path, options: TeacherOptions = CPU) -> str:
    with pytest.raises(TeacherError) as caught:
        load_mask_model(path, options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("family", ["sam2", "sam3_tracker"])
def test_the_image_model_inside_a_video_checkpoint(family, tmp_path):
    video = tiny_sam.tiny_video(family)
    save_file({key: value.clone() for key, value in video.state_dict().items()}, tmp_path / "model.safetensors")
    video.config.save_pretrained(tmp_path)
    loaded = load_mask_model(tmp_path, CPU)
    assert loaded.name == family
    view = loaded.encode(IMAGE)
    assert view.features.shape == (32, 16, 16)
    inside = video.state_dict()
    decoder = "tracker_model.mask_decoder" if family == "sam3_tracker" else "mask_decoder"
    torch.testing.assert_close(loaded._model.mask_decoder.iou_token.weight, inside[f"{decoder}.iou_token.weight"])


def test_attention_can_be_chosen(sam_folders):
    eager = TeacherOptions(device="cpu", attn_implementation="eager")
    a, b = (Segmenter.load(str(sam_folders["sam"]), o).segment(IMAGE, BOX).masks for o in (CPU, eager))
    np.testing.assert_allclose(a, b, atol=1e-3)
    assert "cannot be loaded" in refusal(
        sam_folders["sam"], TeacherOptions(device="cpu", attn_implementation="flash_attention_2")
    )


def test_a_model_that_is_no_sam(folder):
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3_vl"}))
    assert "holds a 'qwen3_vl' model, no SAM" in refusal(folder)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_config(folder, text):
    (folder / "config.json").write_text(text)
    assert "config.json cannot be read" in refusal(folder)


def test_a_folder_without_config(tmp_path):
    assert "config.json cannot be read" in refusal(tmp_path)


def test_pickles_are_not_loaded(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "only pickled weights" in refusal(folder)


def test_damaged_weights(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "cannot be loaded as sam2" in refusal(folder)


def test_a_missing_weight_is_not_drawn_at_random(folder):
    tensors = load_file(folder / "model.safetensors")
    del tensors["mask_decoder.iou_token.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    assert "lacks 1 weights (mask_decoder.iou_token.weight" in refusal(folder)


def test_unknown_precision(sam_folders):
    assert "unknown dtype" in refusal(sam_folders["sam"], TeacherOptions(device="cpu", dtype="int4"))
