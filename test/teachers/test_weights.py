"""Weights are found or the message says how to get them; their hash follows their content."""

import logging
import os

import pytest
import torch

from mllm_for3d_ros.errors import DeviceError, TeacherError
from mllm_for3d_ros.teachers import weights_digest
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.weights import (
    choose_dtype,
    choose_torch_device,
    require_safetensors,
    resolve_weights,
    weights_hash,
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "model"
    made.mkdir()
    (made / "model.safetensors").write_bytes(b"weights")
    (made / "config.json").write_text("{}")
    return made


def large(path, value: bytes = b"a"):
    path.write_bytes(value * (weights_digest._REMEMBERED_FROM + 1))
    return path


def test_a_folder_or_file_is_taken_as_it_is(folder):
    assert resolve_weights(str(folder), TeacherOptions(), "sam") == folder
    assert resolve_weights(str(folder / "config.json"), TeacherOptions(), "sam") == folder / "config.json"


def test_a_hub_id_that_is_not_here_is_not_fetched_but_explained():
    with pytest.raises(TeacherError) as caught:
        resolve_weights("nobody-knows/this-model", TeacherOptions(), "qwen-vl")
    message = str(caught.value)
    assert message.startswith("qwen-vl:") and "`hf download nobody-knows/this-model`" in message
    assert "--allow-download" in message and "\n" not in message


@pytest.mark.parametrize("name", ["/no/such/folder", "no-slash", "../up", "a/b/c"])
def test_what_is_neither_path_nor_hub_id_is_refused(name):
    with pytest.raises(TeacherError, match="no folder or file"):
        resolve_weights(name, TeacherOptions(allow_download=True), "sam")


def test_a_hub_id_is_found_in_the_local_cache(tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    repository = tmp_path / "hub" / "models--owner--name"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    (snapshot / "config.json").write_text("{}")
    assert resolve_weights("owner/name", TeacherOptions(), "sam") == snapshot


def test_pickles_alone_are_refused(folder):
    require_safetensors(folder, "sam")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(TeacherError, match=r"only pickled weights \(pytorch_model.bin\).*\.safetensors"):
        require_safetensors(folder, "sam")
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(TeacherError, match=r"no \.safetensors file"):
        require_safetensors(folder, "sam")
    with pytest.raises(TeacherError, match="no checkpoint folder"):
        require_safetensors(folder / "config.json", "sam")


def test_the_hash_follows_content_and_names(folder):
    before = weights_hash(folder)
    assert len(before) == 64 and weights_hash(folder) == before
    (folder / "README.md").write_text("words")
    (folder / "pytorch_model.bin").write_bytes(b"the same as a pickle, never loaded")
    (folder / ".git").mkdir()
    (folder / ".git" / "x.json").write_text("1")
    assert weights_hash(folder) == before
    (folder / "config.json").write_text('{"a": 1}')
    changed = weights_hash(folder)
    assert changed != before
    (folder / "config.json").rename(folder / "other.json")
    assert weights_hash(folder) not in (before, changed)


def test_the_hash_does_not_depend_on_where_the_folder_lies(folder):
    before = weights_hash(folder)
    assert weights_hash(folder.rename(folder.with_name("elsewhere"))) == before


def test_a_large_file_is_read_once(tmp_path, monkeypatch):
    read = []
    real = weights_digest._sha256
    monkeypatch.setattr(weights_digest, "_sha256", lambda path: read.append(path) or real(path))
    file = large(tmp_path / "sam.pth")
    first = weights_hash(file)
    assert weights_hash(file) == first and len(read) == 1
    large(file, b"b")
    os.utime(file, ns=(1, 1))
    assert weights_hash(file) != first and len(read) == 2


def test_a_damaged_memory_of_hashes_is_said_and_made_anew(tmp_path, caplog):
    file = large(tmp_path / "sam.pth")
    first = weights_hash(file)
    memory = weights_digest.cache_folder() / "weights.json"
    memory.write_text("[1,")
    with caplog.at_level(logging.WARNING):
        assert weights_hash(file) == first
    assert "hashed again" in caplog.text
    caplog.clear()
    assert weights_hash(file) == first and not caplog.text


def test_precision_by_device():
    assert choose_dtype(TeacherOptions(), "cpu") is torch.float32
    assert choose_dtype(TeacherOptions(), "cuda:1") is torch.bfloat16
    assert choose_dtype(TeacherOptions(dtype="float16"), "cpu") is torch.float16
    with pytest.raises(TeacherError, match="unknown dtype 'int8'"):
        choose_dtype(TeacherOptions(dtype="int8"), "cpu")


def test_device_names():
    assert choose_torch_device(TeacherOptions(device="cpu")) == torch.device("cpu")
    with pytest.raises(DeviceError):
        choose_torch_device(TeacherOptions(device="tpu"))
    with pytest.raises(DeviceError):
        choose_torch_device(TeacherOptions(device="cuda:x"))
