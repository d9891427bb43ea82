"""MiniLM for one sentence."""

import pytest
import torch

from mllm_for3d_ros.language.one_sentence import OneSentence
from mllm_for3d_ros.language.text_adapter import RANK, merge


@pytest.mark.parametrize("length", [1, 2, 9, 40, 256])
def test_a_sentence_has_the_embedding_that_it_has_among_others(minilm, length):
    tokens = torch.randint(0, 30522, (3, length), generator=torch.Generator().manual_seed(length))
    one = OneSentence(minilm)
    with torch.inference_mode():
        alone = torch.cat([one(row[None]) for row in tokens])
        torch.testing.assert_close(alone, minilm(tokens), atol=2e-6, rtol=0)


def test_weights_are_shared_so_that_a_merged_adapter_counts(minilm):
    tokens, one = torch.tensor([[101, 4586, 102]]), OneSentence(minilm)
    with torch.inference_mode():
        plain = one(tokens)
    name, down, up = "layers.5.widened", torch.full((384, RANK), 0.02), torch.full((RANK, 1536), 0.02)
    merge(minilm, {f"{name}.down": down, f"{name}.up": up})
    with torch.inference_mode():
        torch.testing.assert_close(one(tokens), minilm(tokens), atol=2e-6, rtol=0)
        assert (one(tokens) - plain).abs().max() > 1e-3
