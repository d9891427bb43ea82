"""Adapters of the sentence encoder."""

import copy

import pytest
import torch

from mllm_for3d_ros.errors import CheckpointError
from mllm_for3d_ros.language.text_adapter import FIRST_LAYER, adapt, adapter_tensors, merge

TOKENS = torch.tensor([[101, 2424, 1996, 10682, 102]])


def changed(network):
    """``network`` with an adapter as training might leave it."""
    adapt(network)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith(".up"):
                value.add_(0.05 * torch.randn(value.shape, generator=generator))
    return network


def test_a_new_adapter_changes_nothing(minilm):
    with torch.no_grad():
        before = minilm(TOKENS)
        adapt(minilm)
        torch.testing.assert_close(minilm(TOKENS), before, atol=1e-6, rtol=0)


def test_only_the_adapter_learns(minilm):
    adapt(minilm)
    learnt = [name for name, value in minilm.named_parameters() if value.requires_grad]
    assert set(learnt) == set(adapter_tensors(minilm))
    assert min(int(name.split(".")[1]) for name in learnt) == FIRST_LAYER


def test_merged_weights_give_what_the_adapter_gave(minilm):
    merged = copy.deepcopy(minilm)
    adapted = changed(minilm)
    with torch.no_grad():
        assert (merged(TOKENS) - adapted(TOKENS)).abs().max() > 0.01
        merge(merged, adapter_tensors(adapted))
        torch.testing.assert_close(merged(TOKENS), adapted(TOKENS), atol=1e-5, rtol=0)


def test_tensors_of_something_else_are_refused(minilm):
    tensors = adapter_tensors(changed(copy.deepcopy(minilm)))
    with pytest.raises(CheckpointError, match="not the weights of a text adapter"):
        merge(minilm, {"prototypes": torch.zeros(3)})
    with pytest.raises(CheckpointError, match="not the weights of a text adapter"):
        merge(minilm, {name: value for name, value in tensors.items() if not name.endswith("5.mixed.up")})
    with pytest.raises(CheckpointError, match=r"does not fit layers\.4\.mixed"):
        merge(minilm, tensors | {"layers.4.mixed.up": torch.zeros(8, 3)})
