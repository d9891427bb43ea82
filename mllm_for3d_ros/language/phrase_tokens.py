"""The training phrases as tensors: embeddings, classes, and a text head trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.language.text_head import TextHead, fit_text_head


@dataclass(frozen=True)
class PhraseTensors:
    """Sentence embeddings [N, 384] of phrases and their classes [N] int64 (``outside`` for none)."""

    embeddings: torch.Tensor
    classes: torch.Tensor
    outside: int

    def draw(self, per_class: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Row indices [Q]: one random phrase for every class index of ``per_class`` [Q]."""
        match = (self.classes[None] == per_class[:, None]).float()
        return torch.multinomial(match, 1, generator=generator).squeeze(1)


def encode_phrases(
    encoder: SentenceEncoder, texts: Sequence[str], classes: Sequence[int], outside: int
) -> PhraseTensors:
    """Embed ``texts``; ``classes`` are indices, ``outside`` for a thing outside the vocabulary."""
    return PhraseTensors(torch.from_numpy(encoder.encode(texts)), torch.tensor(list(classes)), outside)


def train_text_head(phrases: PhraseTensors, seed: int = 0, start: TextHead | None = None, steps: int = 800) -> TextHead:
    """A text head fitted to ``phrases``, in evaluation mode.

    With ``start``, whose classes are the first of the vocabulary, the prototypes of these classes stay as they
    are, so that pixel and voxel embeddings learnt against them remain of use.
    """
    torch.manual_seed(seed)
    if start is None:
        head, kept = TextHead(classes=phrases.outside), None
    else:
        head = start.grown(phrases.outside)
        kept = torch.tensor([*range(start.classes), phrases.outside])
    fit_text_head(head, phrases.embeddings, phrases.classes, steps, seed=seed, kept=kept)
    return head.requires_grad_(False)
