"""Folded BatchNorm gives the numbers of the network it was folded from."""

import pytest
import torch
from scattered import scattered

from mllm_for3d_ros.student.minkunet import MinkUNet, Shape
from mllm_for3d_ros.student.sparse import NormedConv, build_levels, folded, use_backend


def trained() -> MinkUNet:
    """A small network whose norms have statistics, scales and shifts of their own."""
    torch.manual_seed(0)
    network = MinkUNet(Shape((4, 6, 8, 10, 9, 7, 5, 6), (1,) * 8))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    return network.eval()


@pytest.mark.parametrize("name", ["cpp", "torch"])
def test_a_folded_network_gives_the_same_numbers(name):
    network, coords = trained(), scattered(500, extent=12)
    levels, inputs = build_levels(coords, 5), torch.randn(len(coords), 8)
    with torch.inference_mode():
        expected = network(inputs, levels)
        with use_backend(name):
            result = folded(network)(inputs, levels)
    for ours, theirs in zip(result, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_folding_leaves_the_network_as_it_was():
    network = trained()
    copy = folded(network)
    assert any(isinstance(module, NormedConv) for module in network.modules())
    assert not any(isinstance(module, NormedConv) for module in copy.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert not any(parameter.requires_grad for parameter in copy.parameters())


def test_folded_weights_moved_to_another_type_are_packed_anew():
    network, coords = folded(trained()), scattered(100)
    levels, inputs = build_levels(coords, 5), torch.randn(len(coords), 8)
    single = network(inputs, levels)[0]
    double = network.double()(inputs.double(), levels)[0]
    torch.testing.assert_close(single.double(), double, atol=1e-4, rtol=1e-4)
