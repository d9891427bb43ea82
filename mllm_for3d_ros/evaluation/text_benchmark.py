"""How well text alone is understood: a text head on the validation phrases, without any image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mllm_for3d_ros.assets import models_dir
from mllm_for3d_ros.checkpoint import fill_module, load_checkpoint
from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.language.text_head import TextHead
from mllm_for3d_ros.rooms.instructions import bank
from mllm_for3d_ros.rooms.phrase_bank import phrase_tensors
from mllm_for3d_ros.teachers.compact.teacher import CHECKPOINT


def text_accuracy(head: TextHead, encoder: SentenceEncoder) -> dict[str, float]:
    """Top-1 over the classes on the validation phrases, by kind, and how many outside phrases are told as such."""
    phrases = phrase_tensors("validation", encoder)
    with torch.inference_mode():
        logits = head.logits(phrases.embeddings)
    right = (logits[:, :-1].argmax(1) == phrases.classes).float()
    kinds = np.array([p.kind for p in bank("validation")])
    rejected = (logits.argmax(1) == head.classes).float()
    return {
        "explicit_top1": round(float(right[kinds == "explicit"].mean()), 4),
        "implicit_top1": round(float(right[kinds == "implicit"].mean()), 4),
        "outside_rejected": round(float(rejected[kinds == "absent"].mean()), 4),
    }


def measure_text(checkpoint: Path | None = None) -> dict[str, float]:
    """``text_accuracy`` of the head in a teacher checkpoint (None: the shipped one)."""
    path = checkpoint or models_dir() / CHECKPOINT
    tensors, card = load_checkpoint(path, "teacher")
    head = TextHead.shaped_like(tensors, "text_head.").eval()
    fill_module(head, tensors, "text_head.", path)
    return text_accuracy(head, SentenceEncoder.of_checkpoint(path, card))
