"""Fixtures that several folders share."""

import os

import pytest
from hypothesis import settings

# Of an installation, not of this checkout: collected where it is named, as `colcon test` does.
collect_ignore = ["installed"]

# Tiny models are slower on several threads than on one, many times so on a busy machine.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# A test that fails on a busy machine only would tell nothing.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


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
