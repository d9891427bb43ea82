"""Original segment-anything checkpoints: every key has its place, and nothing in the file is run."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import tiny_sam
import torch
import transformers

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.grounding import Located
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.sam.loading import load_mask_model
from mllm_for3d_ros.teachers.sam.original_keys import rename_original_sam, sam_config_of
from mllm_for3d_ros.teachers.sam.segmenter import Segmenter

DATA = Path(__file__).parents[2] / "data"
CPU = TeacherOptions(device="cpu")
RELEASED = {"b": (314, 768, 12, 12), "l": (482, 1024, 24, 16), "h": (594, 1280, 32, 16)}
"""Number of tensors, width, layers and heads of the image encoder of sam_vit_b_01ec64, _l_0b3195, _h_4b8939."""


def released_state(kind: str) -> dict[str, torch.Tensor]:
    """The keys and shapes of a released checkpoint, without content."""
    lines = (DATA / f"sam_vit_{kind}_keys.txt").read_text().splitlines()
    shapes = {name: tuple(map(int, shape.split("x"))) for name, shape in (line.split() for line in lines)}
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@pytest.mark.parametrize("kind", RELEASED)
def test_every_key_of_a_released_checkpoint_has_its_place(kind):
    count, width, layers, heads = RELEASED[kind]
    state = released_state(kind)
    assert len(state) == count
    config = transformers.SamConfig(**sam_config_of(state))
    vision = config.vision_config
    assert (vision.hidden_size, vision.num_hidden_layers, vision.num_attention_heads) == (width, layers, heads)
    assert (vision.image_size, vision.patch_size, vision.window_size) == (1024, 16, 14)
    assert len(vision.global_attn_indexes) == 4 and vision.global_attn_indexes[-1] == layers - 1
    with torch.device("meta"):
        wanted = {key: tuple(value.shape) for key, value in transformers.SamModel(config).state_dict().items()}
    assert {key: tuple(value.shape) for key, value in rename_original_sam(state).items()} == wanted


def test_what_the_shapes_tell_is_what_transformers_knows_of_vit_b():
    """The other parts of the configuration are those of the defaults, which are ViT-B's."""
    config, default = transformers.SamConfig(**sam_config_of(released_state("b"))), transformers.SamConfig()
    for part in ("vision_config", "prompt_encoder_config", "mask_decoder_config"):
        found, known = (getattr(c, part).to_dict() for c in (config, default))
        differing = {key for key in known if np.any(np.asarray(found[key]) != np.asarray(known[key]))}
        assert differing == ({"layer_norm_eps"} if part == "mask_decoder_config" else set())


def test_the_original_file_gives_the_masks_of_the_folder(original_file, sam_folders):
    image, box = tiny_sam.picture(60, 80), [Located((10, 8, 50, 44), None, "box")]
    a, b = (Segmenter.load(str(path), CPU).segment(image, box) for path in (original_file, sam_folders["sam"]))
    np.testing.assert_allclose(a.masks, b.masks, atol=2e-3)
    np.testing.assert_allclose(a.scores, b.scores, atol=2e-3)


@pytest.fixture
def state(original_file):
    return torch.load(original_file, weights_only=True)


def refusal(file) -> str:
    with pytest.raises(TeacherError) as caught:
        load_mask_model(file, CPU)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_constants_saved_along_do_no_harm(state, tmp_path):
    torch.save({**state, "pixel_mean": torch.zeros(3, 1, 1), "pixel_std": torch.ones(3, 1, 1)}, tmp_path / "sam.pth")
    assert load_mask_model(tmp_path / "sam.pth", CPU).name == "sam"


def test_keys_that_are_missing_or_unknown(state, tmp_path):
    torch.save({**state, "mask_decoder.hf_token.weight": torch.zeros(1, 32)}, tmp_path / "hq.pth")
    assert "unknown 1 weights (mask_decoder.hf_token.weight" in refusal(tmp_path / "hq.pth")
    del state["mask_decoder.iou_token.weight"]
    torch.save(state, tmp_path / "part.pth")
    assert "lacks 1 weights (mask_decoder.iou_token.weight" in refusal(tmp_path / "part.pth")
    torch.save({"image_encoder.x": torch.zeros(1)}, tmp_path / "other.pth")
    assert "no checkpoint of the original segment-anything" in refusal(tmp_path / "other.pth")


def test_a_tensor_of_another_shape(state, tmp_path):
    state["prompt_encoder.not_a_point_embed.weight"] = torch.zeros(1, 7)
    torch.save(state, tmp_path / "sam.pth")
    assert "does not fit SAM" in refusal(tmp_path / "sam.pth")


class Harmful:
    """Unpickling it would create a file."""

    def __init__(self, file):
        self.file = str(file)

    def __reduce__(self):
        return open, (self.file, "w")


def test_code_in_a_file_is_not_run(state, tmp_path):
    torch.save({**state, "extra": Harmful(tmp_path / "ran")}, tmp_path / "sam.pth")
    assert "holds more than tensors" in refusal(tmp_path / "sam.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Harmful(tmp_path / "ran"), protocol=2))
    assert "more than tensors" in refusal(tmp_path / "plain.pth")
    assert not (tmp_path / "ran").exists()


def test_a_file_that_is_no_checkpoint(state, tmp_path):
    torch.save({"model": state}, tmp_path / "nested.pth")
    assert "no flat state_dict" in refusal(tmp_path / "nested.pth")
    torch.save(state, tmp_path / "cut.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "cut.pth").read_bytes()[:5000])
    assert "damaged" in refusal(tmp_path / "cut.pth")
    (tmp_path / "empty.pth").write_bytes(b"")
    assert "damaged" in refusal(tmp_path / "empty.pth")


def test_a_file_of_transformers_is_asked_for_as_a_folder(sam_folders):
    assert "give the folder alone" in refusal(sam_folders["sam"] / "model.safetensors")
