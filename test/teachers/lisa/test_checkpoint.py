"""Checkpoint folders: read without running their code, refused in one line when something is wrong."""

import json
import pickle

import pytest
import torch
from safetensors.torch import save_file

from mllm_for3d_ros.errors import TeacherError
from mllm_for3d_ros.teachers.lisa.checkpoint import LisaConfig, open_state


def refused(folder, match, read=open_state):
    with pytest.raises(TeacherError, match=match) as error:
        read(folder)
    assert "\n" not in str(error.value)


def test_shards_of_pickles_and_of_safetensors_hold_the_same(editable):
    pickled = {name: tensor.clone() for name, tensor in open_state(editable).items()}
    save_file({name: tensor.contiguous() for name, tensor in pickled.items()}, editable / "model.safetensors")
    for file in editable.glob("pytorch_model*"):
        file.unlink()
    saved = open_state(editable)
    assert saved.keys() == pickled.keys()
    assert all(torch.equal(saved[name], pickled[name]) for name in saved)


def test_a_pickle_that_would_run_code_is_refused(editable, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"weight": Evil()}, editable / "pytorch_model-00001-of-00002.bin")
    refused(editable, "holds more than weights")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content",
    [b"version https://git-lfs.github.com/spec/v1\n", b"", pickle.dumps({"a": 1})],
    ids=["pointer", "empty", "old"],
)
def test_a_file_that_is_no_checkpoint_is_named(editable, content):
    (editable / "pytorch_model-00002-of-00002.bin").write_bytes(content)
    refused(editable, r"pytorch_model-00002-of-00002\.bin is damaged")


def test_a_checkpoint_of_something_else_than_tensors_is_refused(editable):
    torch.save([1, 2], editable / "pytorch_model-00001-of-00002.bin")
    refused(editable, "something other than tensors")


def test_a_missing_shard_is_named(editable):
    (editable / "pytorch_model-00002-of-00002.bin").unlink()
    refused(editable, r"no file pytorch_model-00002-of-00002\.bin")


def test_an_index_cannot_lead_out_of_the_folder(editable):
    torch.save({"a": torch.zeros(1)}, editable.parent / "outside.bin")
    (editable / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {"a": "../outside.bin"}}))
    refused(editable, r"no file \.\./outside\.bin")


def test_a_folder_without_weights_is_refused(tmp_path):
    refused(tmp_path, "neither")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"mm_hidden_size": None}, "cannot be read"),
        ({"out_dim": ...}, "has no 'out_dim'"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling"),
    ],
)
def test_a_config_that_is_not_lisas_is_refused(editable, change, match):
    raw = json.loads((editable / "config.json").read_text())
    raw = {key: value for key, value in {**raw, **change}.items() if value is not ...}
    (editable / "config.json").write_text(json.dumps(raw))
    refused(editable, match, LisaConfig.read)


def test_a_missing_config_is_named(tmp_path):
    refused(tmp_path, r"config\.json", LisaConfig.read)
