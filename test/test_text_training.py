"""The way of a text side into checkpoints."""

import pytest
import torch

from mllm_for3d_ros.checkpoint import load_checkpoint, save_checkpoint
from mllm_for3d_ros.cli import main as cli
from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.language.minilm import MiniLM
from mllm_for3d_ros.language.sentence_encoder import ADAPTER, ADAPTER_HASH
from mllm_for3d_ros.language.text_adapter import adapt, adapter_tensors
from mllm_for3d_ros.language.text_head import TextHead
from mllm_for3d_ros.student.network import StudentNetwork
from mllm_for3d_ros.teachers.compact.network import PixelEmbedder
from mllm_for3d_ros.teachers.compact.teacher import CompactTeacher
from mllm_for3d_ros.text_training import HEAD, load_text, put_text

CLASSES = 3


@pytest.fixture
def work(tmp_path):
    """A folder with an untrained text side."""
    torch.manual_seed(0)
    network = MiniLM()
    adapt(network)
    folder = tmp_path / "work"
    save_checkpoint(folder / ADAPTER, adapter_tensors(network), {"kind": "text_adapter"})
    digest = load_checkpoint(folder / ADAPTER, "text_adapter")[1]["sha256"]
    card = {"kind": "text_head", ADAPTER_HASH: digest, "text": {"outside_rejected": 0.5}}
    save_checkpoint(folder / HEAD, TextHead(CLASSES).state_dict(), card)
    return folder


@pytest.fixture
def models(tmp_path):
    """A folder with an untrained teacher and an untrained student, each with a text head of its own."""
    torch.manual_seed(1)
    folder = tmp_path / "models"
    tensors = {f"network.{k}": v for k, v in PixelEmbedder().state_dict().items()}
    tensors |= {f"text_head.{k}": v for k, v in TextHead(CLASSES).state_dict().items()}
    save_checkpoint(folder / "teacher_compact.safetensors", tensors, {"kind": "teacher", "steps": 7})
    student = StudentNetwork(CLASSES)
    save_checkpoint(folder / "student.safetensors", student.state_dict(), {"kind": "student", "thresholds": {}})
    return folder


@pytest.mark.parametrize(
    ("name", "kind", "prefix"),
    [("teacher_compact.safetensors", "teacher", "text_head."), ("student.safetensors", "student", "projector.")],
)
def test_all_but_the_text_side_stays(work, models, tmp_path, name, kind, prefix):
    out = tmp_path / "out"
    assert out / name in put_text(work, models, out)
    before, old_card = load_checkpoint(models / name, kind)
    after, card = load_checkpoint(out / name, kind)
    head, _ = load_checkpoint(work / HEAD, "text_head")
    assert after.keys() == before.keys()
    for key, value in after.items():
        replaced = key.startswith(prefix) and key != f"{prefix}prototypes"
        torch.testing.assert_close(value, head[key.removeprefix(prefix)] if replaced else before[key], rtol=0, atol=0)
    changed = {"sha256", ADAPTER_HASH, "text"}
    assert {k: v for k, v in card.items() if k not in changed} == {k: v for k, v in old_card.items() if k != "sha256"}
    assert card["text"] == {"outside_rejected": 0.5}


def test_a_teacher_with_another_text_side_loads(work, models):
    assert cli.main(["train", "put-text", "--work", str(work), "--start", str(models), "--models", str(models)]) == 0
    teacher = CompactTeacher.load(models / "teacher_compact.safetensors")
    card = load_checkpoint(models / "teacher_compact.safetensors", "teacher")[1]
    assert teacher.fingerprint.weights == card["sha256"][:16]


def test_parts_that_do_not_belong_together_are_refused(work, models, tmp_path):
    with pytest.raises(CheckpointError, match="holds neither"):
        put_text(work, tmp_path, models)
    tensors, card = load_checkpoint(work / ADAPTER, "text_adapter")
    save_checkpoint(work / ADAPTER, {name: value + 1 for name, value in tensors.items()}, card)
    with pytest.raises(CheckpointError, match="not of one training"):
        put_text(work, models, models)
    with pytest.raises(CheckpointError, match="is not the text adapter"):
        load_text(work)


def test_a_text_side_of_other_concepts_is_refused(work, models):
    _, card = load_checkpoint(work / HEAD, "text_head")
    save_checkpoint(work / HEAD, TextHead(CLASSES + 1).state_dict(), card)
    with pytest.raises(CheckpointError, match="has 4 concepts, the text side 5"):
        put_text(work, models, models)


def test_a_text_side_that_was_never_trained_names_the_command(tmp_path):
    with pytest.raises(CheckpointError, match="mllm-for3d train text"):
        load_text(tmp_path)
