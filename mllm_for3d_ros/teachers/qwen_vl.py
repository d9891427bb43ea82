"""Qwen2.5-VL and Qwen3-VL as grounders: boxes and points as JSON, a token from the states behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mllm_for3d_ros.language.sentence_encoder import EMBEDDING_DIM, SentenceEncoder
from mllm_for3d_ros.teachers.answer_text import PROMPT_VERSION, Pixels, ReadAnswer, Span, prompt, read_answer
from mllm_for3d_ros.teachers.base import Fingerprint
from mllm_for3d_ros.teachers.grounding import Grounding
from mllm_for3d_ros.teachers.label_embedding import label_embedding
from mllm_for3d_ros.teachers.options import TeacherOptions
from mllm_for3d_ros.teachers.proposing import merged, question, read_proposals
from mllm_for3d_ros.teachers.qwen_checkpoint import read_checkpoint
from mllm_for3d_ros.teachers.qwen_model import Generated, QwenModel
from mllm_for3d_ros.teachers.weights import resolve_weights, weights_hash

if TYPE_CHECKING:
    import torch

NAME = "qwen-vl"
MAX_NEW_TOKENS = 1024
"""About 25 objects; an answer cut off there keeps the objects that are complete."""
_MAX_ASPECT = 200
"""The image processor of Qwen refuses narrower images."""


class QwenVL:
    """A Grounder. Token: two unit vectors side by side, what the model meant and what it said.

    The first, of the model's width, is the mean of the last-layer states that chose the tokens of the
    answer's labels and coordinates; the second, 384 long, is the sentence embedding of the labels. Score:
    the mean probability that the model gave those same tokens.
    """

    def __init__(
        self,
        model: QwenModel,
        encoder: SentenceEncoder,
        fingerprint: Fingerprint,
        batch_size: int = 4,
        max_new_tokens: int = MAX_NEW_TOKENS,
    ) -> None:
        """Use ``QwenVL.load``."""
        self.fingerprint = fingerprint
        self.token_dim = model.width + EMBEDDING_DIM
        self._model = model
        self._encoder = encoder
        self._batch_size = max(batch_size, 1)
        self._max_new_tokens = max_new_tokens

    @classmethod
    def load(
        cls,
        model: str,
        options: TeacherOptions,
        encoder: SentenceEncoder | None = None,
        max_new_tokens: int = MAX_NEW_TOKENS,
    ) -> QwenVL:
        """Load a folder or Hub id.

        Raises:
            TeacherError: the weights are not here or do not fit, or an extra is missing for an option.
            CheckpointError: the sentence encoder is missing.
        """
        folder = resolve_weights(model, options, NAME)
        checkpoint = read_checkpoint(folder, options)
        fingerprint = fingerprint_of(model, options, max_new_tokens)
        return cls(
            QwenModel(checkpoint), encoder or SentenceEncoder.load(), fingerprint, options.batch_size, max_new_tokens
        )

    def locate(self, images: Sequence[np.ndarray], instruction: str) -> list[Grounding]:
        """See ``Grounder.locate``."""
        found: dict[int, Grounding] = {}
        fit = [i for i, image in enumerate(images) if max(image.shape[:2]) <= _MAX_ASPECT * min(image.shape[:2])]
        asked = prompt(instruction, self._model.coordinates)
        for start in range(0, len(fit), self._batch_size):
            chosen = fit[start : start + self._batch_size]
            answers = self._model.generate([images[i] for i in chosen], asked, self._max_new_tokens)
            for i, answer in zip(chosen, answers, strict=True):
                found[i] = self._grounding(answer, images[i].shape, instruction)
        narrow = Grounding((), abstained=f"the image is more than {_MAX_ASPECT} times as long as wide")
        return [found.get(i, narrow) for i in range(len(images))]

    def propose(self, images: Sequence[np.ndarray], count: int) -> list[str]:
        """See ``Proposer.propose``."""
        told: list[list[str]] = []
        asked = question(count, len(images))
        for start in range(0, len(images), self._batch_size):
            answers = self._model.generate(images[start : start + self._batch_size], asked, self._max_new_tokens)
            told += [read_proposals(answer.text) for answer in answers]
        return merged(told, count)

    def _grounding(self, answer: Generated, shape: tuple[int, ...], instruction: str) -> Grounding:
        """Read an answer on an image of ``shape`` [H, W, 3]."""
        pixels = Pixels.of((shape[1], shape[0]), self._model.coordinates, answer.image_size)
        read = read_answer(answer.text, pixels)
        if read.reason is not None:
            return Grounding((), abstained=read.reason)
        chosen = _tokens_of(read, self._model.token_spans(answer.ids))
        meant = answer.states[chosen].mean(0)
        meant = (meant / meant.norm().clamp(min=1e-12)).numpy()
        said = label_embedding(read.objects, instruction, self._encoder)
        score = float(answer.probabilities[chosen].mean().clamp(0, 1))
        return Grounding(read.objects, np.concatenate([meant, said]), score)


def _tokens_of(read: ReadAnswer, spans: list[Span]) -> torch.Tensor:
    """[T] bool, the tokens that spell a part of a label or of coordinates; all if none does."""
    import torch

    chosen = torch.tensor([any(a < end and start < b for a, b in read.spans) for start, end in spans])
    return chosen if chosen.any() else torch.ones_like(chosen)


def fingerprint_of(model: str, options: TeacherOptions, max_new_tokens: int = MAX_NEW_TOKENS) -> Fingerprint:
    """Under what the answers of ``QwenVL.load(model, options)`` are known; needs the weights, not torch.

    Raises:
        TeacherError: the weights are not there.
    """
    said = {
        # As asked for: what "auto" becomes on a machine does not part its answers from those of another.
        "dtype": None if options.dtype == "auto" else options.dtype,
        "attention": options.attn_implementation,
        "four_bit": options.four_bit or None,
        "max_pixels": options.max_pixels,
        "max_new_tokens": None if max_new_tokens == MAX_NEW_TOKENS else max_new_tokens,
    }
    settings = ",".join(f"{key}={value}" for key, value in said.items() if value is not None)
    return Fingerprint(NAME, weights_hash(resolve_weights(model, options, NAME))[:16], PROMPT_VERSION, settings)
