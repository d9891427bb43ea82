"""The compact teacher behind the teacher protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from mllm_for3d_ros.assets import models_dir
from mllm_for3d_ros.checkpoint import fill_module, load_checkpoint
from mllm_for3d_ros.device import one_thread
from mllm_for3d_ros.language.instruction import clean_instruction
from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.language.text_head import TOKEN_DIM, TextHead
from mllm_for3d_ros.teachers.base import Fingerprint, abstention
from mllm_for3d_ros.teachers.compact.geometry import geometry_of
from mllm_for3d_ros.teachers.compact.network import INPUT_HEIGHT, INPUT_WIDTH, PixelEmbedder
from mllm_for3d_ros.teachers.image_memo import Memo, view_key
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.types import Frame, ViewAnswer

CHECKPOINT = "teacher_compact.safetensors"
VIEWS_KEPT = TeacherOptions().views_kept
_MIN_CELLS = 8
"""Cells (of 60x80) above one half that make a mask; fewer are an abstention."""


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
        self.fingerprint = Fingerprint("compact", weights, geometry=True)
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
        encoder = encoder or SentenceEncoder.of_checkpoint(path, card)
        return cls(network, text_head, encoder, card["sha256"][:16], views_kept)

    def answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        """See ``Teacher.answer``; by one thread, as more would round otherwise."""
        with one_thread():
            return self._answer(frames, instruction)

    def _answer(self, frames: Sequence[Frame], instruction: str) -> list[ViewAnswer]:
        embedding = self._encoder.encode([clean_instruction(instruction)])
        with torch.inference_mode():
            token = self._text_head(torch.from_numpy(embedding))[0]
            views = self._look(frames)
            return [self._answer_view(v, token, frame.depth.shape) for v, frame in zip(views, frames, strict=True)]

    def _look(self, frames: Sequence[Frame]) -> list[torch.Tensor]:
        """Pixel embeddings [64, 60, 80] of each frame; views that it has just seen are not looked at again."""
        keys = [view_key(frame, geometry=True) for frame in frames]
        known = {key: self._views.peek(key) for key in keys}
        new = {key: frame for key, frame in zip(keys, frames, strict=True) if known[key] is None}
        for key, embedding in zip(new, self._embed(list(new.values())), strict=True):
            known[key] = embedding
            self._views.put(key, embedding)
        return [view for view in (known[key] for key in keys) if view is not None]

    def _embed(self, frames: Sequence[Frame]) -> Iterator[torch.Tensor]:
        """Pixel embeddings of each frame, looked at alone: batches of other sizes round otherwise."""
        for frame in frames:
            yield self._network(_image(frame), torch.from_numpy(geometry_of([frame])))[0].contiguous()

    def _answer_view(self, embedding: torch.Tensor, token: torch.Tensor, size: tuple[int, int]) -> ViewAnswer:
        """The answer of a view with ``embedding`` [64, h, w], which are its features, to ``token`` [64]."""
        logits = self._network.mask_logits(embedding[None], token[None])
        small = logits.sigmoid()[0, 0]
        inside = small > 0.5
        area = int(inside.sum())
        features = embedding.numpy()
        if area < _MIN_CELLS:
            return abstention(size, f"no pixels above one half ({area} of {inside.numel()} cells)", features)
        mask = F.interpolate(logits, size=size, mode="bilinear", align_corners=False).sigmoid()[0, 0].numpy()
        shown = torch.einsum("hw,dhw->d", small * inside, embedding)
        evidence = F.normalize(F.normalize(token, dim=0) + F.normalize(shown, dim=0), dim=0).numpy()
        return ViewAnswer(mask, evidence, float((small * inside).sum() / area), features)


def _image(frame: Frame) -> torch.Tensor:
    """Colours of ``frame`` as [1, 3, 240, 320] in 0..1."""
    image = torch.from_numpy(np.array(frame.color)).permute(2, 0, 1)[None].float() / 255.0
    if image.shape[-2:] != (INPUT_HEIGHT, INPUT_WIDTH):
        image = F.interpolate(
            image, size=(INPUT_HEIGHT, INPUT_WIDTH), mode="bilinear", align_corners=False, antialias=True
        )
    return image.to(memory_format=torch.channels_last)
