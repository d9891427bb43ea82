"""The compact teacher behind the teacher protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from mllm_for3d_ros.assets import models_dir
from mllm_for3d_ros.checkpoint import fill_module, load_checkpoint
from mllm_for3d_ros.language.instruction import clean_instruction
from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.language.text_head import TOKEN_DIM, TextHead
from mllm_for3d_ros.teachers.base import Fingerprint, abstention
from mllm_for3d_ros.teachers.compact.network import INPUT_HEIGHT, INPUT_WIDTH, STRIDE, PixelEmbedder
from mllm_for3d_ros.teachers.image_memo import Memo, image_key
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.types import Frame, ViewAnswer

CHECKPOINT = "teacher_compact.safetensors"
VIEWS_KEPT = TeacherOptions().views_kept
_BATCH = 16
_MIN_CELLS = 8
"""Cells (of 60x80) above one half that make a mask; fewer are an abstention."""


@dataclass(frozen=True)
class LookedAt:
    """Views after the image network: embeddings [V, 64, 60, 80] and the frames' (height, width)."""

    embeddings: torch.Tensor
    sizes: tuple[tuple[int, int], ...]


class CompactTeacher:
    """Per-pixel embeddings against a query token: one forward pass a view serves all instructions."""

    token_dim = TOKEN_DIM

    def __init__(
        self,
        network: PixelEmbedder,
        text_head: TextHead,
        encoder: SentenceEncoder,
        weights: str = "untrained",
        views_kept: int = VIEWS_KEPT,
    ) -> None:
        """Networks, the hash of their weights and how many looks are kept; see ``CompactTeacher.load``."""
        self.fingerprint = Fingerprint("compact", weights)
        self._views: Memo[torch.Tensor] = Memo(views_kept)
        self._network = network.eval().requires_grad_(False)
        self._text_head = text_head.eval().requires_grad_(False)
        self._encoder = encoder

    @classmethod
    def load(
        cls,
        checkpoint: Path | None = None,
        encoder: SentenceEncoder | None = None,
        views_kept: int = VIEWS_KEPT,
    ) -> CompactTeacher:
        """The shipped teacher, or that of ``checkpoint``; it remembers its looks at the last ``views_kept`` views.

        Raises:
            CheckpointError: a file is missing, damaged or does not fit.
        """
        path = checkpoint or models_dir() / CHECKPOINT
        tensors, card = load_checkpoint(path, "teacher")
        network, text_head = PixelEmbedder(), TextHead.shaped_like(tensors, "text_head.")
        fill_module(network, tensors, "network.", path)
        fill_module(text_head, tensors, "text_head.", path)
        return cls(network, text_head, encoder or SentenceEncoder.load(), card["sha256"][:16], views_kept)

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """See ``Teacher.answer``."""
        return self.answer_all(self.look(frames), [instruction])[0]

    def look(self, frames: Sequence[Frame]) -> LookedAt:
        """Run the image network over those of ``frames`` whose images it has not just seen, each image once."""
        keys = [image_key(frame.color) for frame in frames]
        known = {key: self._views.peek(key) for key in keys}
        new = {key: frame for key, frame in zip(keys, frames, strict=True) if known[key] is None}
        for key, embedding in zip(new, self._embed(list(new.values())), strict=True):
            known[key] = embedding
            self._views.put(key, embedding)
        found = [view for view in (known[key] for key in keys) if view is not None]
        shape = (0, TOKEN_DIM, INPUT_HEIGHT // STRIDE, INPUT_WIDTH // STRIDE)
        embeddings = torch.stack(found) if found else torch.zeros(shape)
        return LookedAt(embeddings, tuple(frame.depth.shape for frame in frames))

    def answer_all(self, views: LookedAt, instructions: Sequence[str]) -> list[list[ViewAnswer]]:
        """Answers to every instruction on every view, [instruction][view]."""
        embeddings = self._encoder.encode([clean_instruction(text) for text in instructions])
        with torch.inference_mode():
            tokens = self._text_head(torch.from_numpy(embeddings))
            answers = [
                self._answer_view(e, tokens, size) for e, size in zip(views.embeddings, views.sizes, strict=True)
            ]
        return [[view[i] for view in answers] for i in range(len(instructions))]

    def _embed(self, frames: Sequence[Frame]) -> Iterator[torch.Tensor]:
        """Pixel embeddings [64, 60, 80] of each frame."""
        for start in range(0, len(frames), _BATCH):
            with torch.inference_mode():
                yield from self._network(_images(frames[start : start + _BATCH]))

    def _answer_view(self, embedding: torch.Tensor, tokens: torch.Tensor, size: tuple[int, int]) -> list[ViewAnswer]:
        """Answers of one view [64, h, w], its features, to ``tokens`` [Q, 64]."""
        logits = self._network.mask_logits(embedding[None], tokens)
        small = logits.sigmoid()[0]
        masks = F.interpolate(logits, size=size, mode="bilinear", align_corners=False).sigmoid()[0].numpy()
        inside = small > 0.5
        area = inside.sum((1, 2))
        score = (small * inside).sum((1, 2)) / area.clamp(min=1)
        shown = torch.einsum("qhw,dhw->qd", small * inside, embedding)
        evidence = F.normalize(F.normalize(tokens, dim=1) + F.normalize(shown, dim=1), dim=1).numpy()
        features = embedding.numpy()
        return [
            abstention(size, f"no pixels above one half ({int(area[i])} of {inside[i].numel()} cells)", features)
            if area[i] < _MIN_CELLS
            else ViewAnswer(masks[i], evidence[i], float(score[i]), features)
            for i in range(len(tokens))
        ]


def _images(frames: Sequence[Frame]) -> torch.Tensor:
    """Colours of ``frames`` as [B, 3, 240, 320] in 0..1."""
    resized = []
    for frame in frames:
        image = torch.from_numpy(np.array(frame.color)).permute(2, 0, 1)[None].float() / 255.0
        if image.shape[-2:] != (INPUT_HEIGHT, INPUT_WIDTH):
            image = F.interpolate(
                image, size=(INPUT_HEIGHT, INPUT_WIDTH), mode="bilinear", align_corners=False, antialias=True
            )
        resized.append(image)
    return torch.cat(resized).to(memory_format=torch.channels_last)
