"""Every tensor of a real LISA repository finds its place, and nothing else is let in."""

import hashlib
import json
import math

import pytest
import torch
from lisa_layout import INDEX_7B_BYTES, INDEX_7B_SHA256, LISA_7B, LISA_13B, config_of, lisa_shapes

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.lisa.checkpoint import LisaConfig
from mllm_for3d_ros.teachers.lisa.keys import LANGUAGE, PROJECTOR, SAM, SEG_HEAD, check_coverage, split_state
from mllm_for3d_ros.teachers.lisa.loading import check_shapes, empty_modules
from mllm_for3d_ros.teachers.sam.original_keys import rename_original_sam

FLOAT32 = ("model.visual_model.", "model.text_hidden_fcs.")


def meta_state(llama):
    return {name: torch.empty(shape, device="meta") for name, shape in lisa_shapes(llama).items()}


def test_the_listed_layout_is_that_of_the_published_index():
    shapes = lisa_shapes(LISA_7B)
    assert hashlib.sha256("\n".join(sorted(shapes)).encode()).hexdigest() == INDEX_7B_SHA256
    size = sum(math.prod(s) * (4 if n.startswith(FLOAT32) or "inv_freq" in n else 2) for n, s in shapes.items())
    assert size == INDEX_7B_BYTES


@pytest.mark.parametrize("llama", [LISA_7B, LISA_13B], ids=["7B", "13B"])
def test_a_repository_of_real_size_fits_without_a_tensor_missing_or_left_over(llama, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(config_of(llama)))
    parts = split_state(meta_state(llama))
    modules = empty_modules(LisaConfig.read(tmp_path), parts[SAM])
    assert modules[SAM].config.vision_config.num_hidden_layers == 32
    assert list(modules[SAM].config.vision_config.global_attn_indexes) == [7, 15, 23, 31]
    parts[SAM] = rename_original_sam(parts[SAM])
    for name in (LANGUAGE, PROJECTOR, SEG_HEAD, SAM):
        check_shapes(name, modules[name], parts[name])


def test_keys_of_the_clip_tower_are_left_out_and_others_are_not():
    state = {
        "model.vision_tower.vision_tower.vision_model.embeddings.class_embedding": 1,
        "model.layers.0.self_attn.rotary_emb.inv_freq": 2,
        "model.norm.weight": 3,
        "model.mystery.weight": 4,
        "model.text_hidden_fcs.0.0.weight": 5,
    }
    parts = split_state(state)
    assert parts[LANGUAGE] == {"model.norm.weight": 3, "model.mystery.weight": 4}
    assert parts[SEG_HEAD] == {"0.weight": 5}
    assert not parts[SAM]
    assert not parts[PROJECTOR]


@pytest.mark.parametrize(
    ("given", "named"),
    [(["a", "b"], "lacks 1 tensors of its SAM .c."), (["a", "b", "c", "d"], "has unknown 1 tensors of its SAM .d.")],
)
def test_a_gap_and_a_stranger_are_named(given, named):
    with pytest.raises(TeacherError, match=named) as error:
        check_coverage("SAM", ["a", "b", "c"], given)
    assert "\n" not in str(error.value)


def test_only_the_first_few_of_many_gaps_are_named():
    with pytest.raises(TeacherError, match=r"lacks 9 tensors .*\(0, 1, 2, 3, \.\.\.\)"):
        check_coverage("SAM", map(str, range(9)), [])
