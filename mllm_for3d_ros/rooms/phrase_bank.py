"""Phrases as tensors, for training and measuring text heads."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from mllm_for3d_ros.language.phrase_tokens import PhraseTensors, encode_phrases
from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder
from mllm_for3d_ros.rooms.composed_phrases import composed_phrases
from mllm_for3d_ros.rooms.instructions import Phrase, Split, bank
from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES


def phrases_of(split: Split) -> tuple[Phrase, ...]:
    """The phrases of a bank; for training those composed of nouns and wordings, too."""
    return bank(split) + (composed_phrases() if split == "train" else ())


def class_indices(phrases: tuple[Phrase, ...]) -> list[int]:
    """Index of the class that each of ``phrases`` asks for, the number of classes for a thing outside."""
    return [len(CLASS_NAMES) if p.class_name is None else CLASS_NAMES.index(p.class_name) for p in phrases]


def concepts_of(texts: Iterable[str]) -> np.ndarray:
    """[Q] int64 ``class_indices`` of phrases of the training bank by their texts."""
    found = {phrase.text: index for phrase, index in zip(bank("train"), class_indices(bank("train")), strict=True)}
    return np.array([found[text] for text in texts], np.int64)


def phrase_tensors(split: Split, encoder: SentenceEncoder) -> PhraseTensors:
    """``phrases_of`` a split, embedded."""
    phrases = phrases_of(split)
    return encode_phrases(encoder, [p.text for p in phrases], class_indices(phrases), len(CLASS_NAMES))
