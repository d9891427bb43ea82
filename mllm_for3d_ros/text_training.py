"""The stages of the text side: a head with an adapter of the sentence encoder, and their way into checkpoints."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from mllm_for3d_ros.checkpoint import fill_module, load_checkpoint, read_card, save_checkpoint
from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.evaluation.text_benchmark import text_accuracy
from mllm_for3d_ros.language.adapter_training import AdapterSettings, fit_adapter
from mllm_for3d_ros.language.phrase_tokens import train_text_head
from mllm_for3d_ros.language.sentence_encoder import ADAPTER, ADAPTER_HASH, SentenceEncoder, copy_adapter, load_minilm
from mllm_for3d_ros.language.text_adapter import adapter_tensors
from mllm_for3d_ros.language.text_head import TextHead
from mllm_for3d_ros.rooms.phrase_bank import class_indices, phrase_tensors, phrases_of
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES
from mllm_for3d_ros.student.prediction import CHECKPOINT as STUDENT_FILE
from mllm_for3d_ros.teachers.compact.teacher import CHECKPOINT as TEACHER_FILE

HEAD = "text_head.safetensors"
_PLACES = {TEACHER_FILE: ("teacher", "text_head."), STUDENT_FILE: ("student", "projector.")}


def train_text(
    work: Path, settings: AdapterSettings, start: Path | None = None, report: Callable[[int, float], None] | None = None
) -> dict[str, float]:
    """Train text head and adapter, write both to ``work``, and return their accuracy on validation phrases.

    ``start``: a folder with a finished teacher, whose concepts stay as they are; without, they are learnt first.
    ``report`` is told each step and its loss.
    """
    head = text_head_of(start / TEACHER_FILE) if start else None
    if head is None or head.classes < len(CLASS_NAMES):
        head = train_text_head(phrase_tensors("train", SentenceEncoder.load()), settings.seed, head)
    network, tokenizer = load_minilm()
    phrases = phrases_of("train")
    tokens = [one.ids for one in tokenizer.encode_batch([phrase.text for phrase in phrases])]
    fit_adapter(network, head, tokens, torch.tensor(class_indices(phrases)), settings, report or _silent)
    command = f"mllm-for3d train text --steps {settings.steps} --seed {settings.seed}"
    card: dict[str, object] = {
        "date": datetime.date.today().isoformat(),
        "settings": asdict(settings),
        "command": command + (" --start FOLDER" if start else ""),
        "data": f"{len(phrases)} training phrases of Rooms, written and composed",
        "licence": "Apache-2.0",
    }
    save_checkpoint(work / ADAPTER, adapter_tensors(network), {"kind": "text_adapter", **card})
    figures = text_accuracy(head, SentenceEncoder.load(adapter=work / ADAPTER))
    made = {ADAPTER_HASH: read_card(work / ADAPTER)["sha256"], "text": figures}
    save_checkpoint(work / HEAD, head.state_dict(), {"kind": "text_head", **card, **made})
    return figures


def load_text(work: Path) -> tuple[TextHead, SentenceEncoder]:
    """Text head and encoder that ``train_text`` left in ``work``.

    Raises:
        CheckpointError: there are none, or they do not belong together.
    """
    path = work / HEAD
    if not path.is_file():
        raise CheckpointError(f"no text head at {path}; run: mllm-for3d train text --work {work}")
    tensors, card = load_checkpoint(path, "text_head")
    head = TextHead.shaped_like(tensors)
    fill_module(head, tensors, "", path)
    return head.eval().requires_grad_(False), SentenceEncoder.of_checkpoint(path, card)


def text_head_of(path: Path) -> TextHead:
    """The text head in the teacher checkpoint ``path``."""
    tensors, _ = load_checkpoint(path, "teacher")
    head = TextHead.shaped_like(tensors, "text_head.")
    fill_module(head, tensors, "text_head.", path)
    return head.eval().requires_grad_(False)


def put_text(work: Path, start: Path, models: Path) -> list[Path]:
    """Put the text side in ``work`` into the teacher and the student in ``start``; write them to ``models``.

    Each keeps its own prototypes, which its embeddings were trained against. Returns what was written.

    Raises:
        CheckpointError: there is neither, the text side has other concepts, or its parts do not belong together.
    """
    new, head_card = load_checkpoint(work / HEAD, "text_head")
    if head_card[ADAPTER_HASH] != read_card(work / ADAPTER)["sha256"]:
        raise CheckpointError(f"{HEAD} and {ADAPTER} in {work} are not of one training; run: mllm-for3d train text")
    given = [start / name for name in _PLACES if (start / name).is_file()]
    if not given:
        raise CheckpointError(f"{start} holds neither {' nor '.join(_PLACES)}; give their folder with --start")
    adapter = copy_adapter(work, models)
    for path in given:
        kind, prefix = _PLACES[path.name]
        tensors, card = load_checkpoint(path, kind)
        kept = f"{prefix}prototypes"
        if len(tensors[kept]) != len(new["prototypes"]):
            raise CheckpointError(f"{path} has {len(tensors[kept])} concepts, the text side {len(new['prototypes'])}")
        tensors |= {prefix + name: value for name, value in new.items() if prefix + name != kept}
        save_checkpoint(models / path.name, tensors, card | {ADAPTER_HASH: adapter, "text": head_card["text"]})
    return [models / path.name for path in given]


def _silent(step: int, loss: float) -> None:
    """Report nothing."""
