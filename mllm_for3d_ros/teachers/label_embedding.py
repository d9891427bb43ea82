"""The token of what a grounder said: the sentence embedding of its labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.teachers.grounding import Located


def label_embedding(objects: Sequence[Located], instruction: str, encoder: SentenceEncoder) -> np.ndarray:
    """Unit vector [384] float32: mean of the embeddings of the labels, of the instruction if none has one."""
    labels = [located.label for located in objects if located.label] or [instruction]
    mean = encoder.encode(labels).mean(0)
    return (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
