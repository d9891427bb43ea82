"""MiniLM in plain torch."""

import pytest
import torch

from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.language.minilm import MiniLM
from mllm_for3d_ros.language.sentence_encoder import EMBEDDING_DIM

SENTENCES = (torch.tensor([[101, 2424, 1996, 10682, 102]]), torch.tensor([[101, 4586, 102]]))


def test_embeddings_are_those_of_transformers():
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(hidden_size=EMBEDDING_DIM, num_hidden_layers=6, intermediate_size=1536)
    theirs = BertModel(config, add_pooling_layer=False).eval()
    ours = MiniLM.of(theirs.state_dict()).eval()
    with torch.inference_mode():
        for tokens in SENTENCES:
            expected = torch.nn.functional.normalize(theirs(tokens).last_hidden_state.mean(1), dim=1)
            torch.testing.assert_close(ours(tokens), expected, atol=2e-6, rtol=0)


def test_padding_changes_nothing(minilm):
    tokens = torch.zeros(2, 5, dtype=torch.long)
    for row, sentence in enumerate(SENTENCES):
        tokens[row, : sentence.shape[1]] = sentence[0]
    with torch.inference_mode():
        alone = torch.cat([minilm(sentence) for sentence in SENTENCES])
        torch.testing.assert_close(minilm(tokens, tokens > 0), alone, atol=1e-6, rtol=0)


def test_states_go_through_the_layers_in_two_parts(minilm):
    tokens = SENTENCES[0]
    with torch.inference_mode():
        halfway = minilm.below(tokens, 2)
        torch.testing.assert_close(minilm.pooled(minilm.through(halfway, slice(2, 6))), minilm(tokens))


def test_other_weights_are_refused():
    with pytest.raises(CheckpointError, match="not the weights of all-MiniLM-L6-v2"):
        MiniLM.of({"encoder.layer.0.output.dense.weight": torch.zeros(2, 2)})
