"""Makes the helpers in test/support importable."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))


@pytest.fixture
def minilm():
    """The published network, a new one for each test."""
    from mllm_for3d_ros.language.sentence_encoder import load_minilm

    return load_minilm()[0].eval()
