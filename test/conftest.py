"""Fixtures that several folders share."""

import pytest


@pytest.fixture(scope="session")
def encoder():
    """The real sentence encoder, loaded once."""
    from mllm_for3d_ros.language.sentence_encoder import SentenceEncoder

    return SentenceEncoder.load()


@pytest.fixture
def text_head():
    """An untrained text head of the size of the vocabulary."""
    import torch

    from mllm_for3d_ros.language.text_head import TextHead
    from mllm_for3d_ros.rooms.vocabulary import CLASS_NAMES

    torch.manual_seed(0)
    return TextHead(len(CLASS_NAMES))
