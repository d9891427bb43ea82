"""A bank of phrases as tensors, for training and measuring text heads."""

from __future__ import annotations

from mllm_for3d_ros.language.phrase_tokens import PhraseTensors, encode_phrases
from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.rooms.instructions import Split, bank
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES


def phrase_tensors(split: Split, encoder: SentenceEncoder) -> PhraseTensors:
    """The phrases of a bank, embedded."""
    outside = len(CLASS_NAMES)
    classes = [outside if p.class_name is None else CLASS_NAMES.index(p.class_name) for p in bank(split)]
    return encode_phrases(encoder, [p.text for p in bank(split)], classes, outside)
