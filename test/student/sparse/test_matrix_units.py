"""Convolutions on matrix units against exact ones."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mllm_for3d_ros.student.sparse.engine import engine

pytestmark = pytest.mark.skipif(engine().instruction_set != "amx", reason="this processor has no matrix units")


def layer(seed, rows, inputs, outputs):
    """Values [rows, Ci], weights [27, Ci, Co] and pairs in which most rows read some others."""
    torch.manual_seed(seed)
    links = torch.randint(0, rows + 1, (rows + 1, 27), dtype=torch.int32) * (torch.rand(rows + 1, 27) < 0.6)
    chosen = torch.randperm(rows)[: rows - rows // 4] + 1
    weight = torch.randn(27, inputs, outputs) / (27 * inputs) ** 0.5
    return torch.randn(rows, inputs), weight, engine().pairs(links.int(), chosen), links[chosen]


def exact(x, weight, links):
    """[n, Co] float64."""
    padded = torch.cat([torch.zeros(1, x.shape[1]), x]).double()
    return torch.einsum("nki,kio->no", padded[links.long()], weight.double())


@given(
    seed=st.integers(0, 1000),
    rows=st.sampled_from([1, 3, 17, 255, 256, 300, 600]),
    inputs=st.sampled_from([64, 96, 160, 288]),
    outputs=st.integers(64, 150),
)
@settings(max_examples=15, deadline=None)
def test_sums_are_those_of_float32_but_for_a_hundred_thousandth(seed, rows, inputs, outputs):
    x, weight, pairs, links = layer(seed, rows, inputs, outputs)
    found = engine().convolve(x, engine().pack_split(weight), pairs, outputs)
    assert float((found - exact(x, weight, links)).abs().max()) < 3e-5


def test_what_is_added_and_where_it_goes_is_as_without_them():
    x, weight, pairs, _ = layer(0, 300, 64, 80)
    rows, count = torch.randperm(400)[: pairs.rows_out], 400
    bias, residual = torch.randn(80), torch.randn(count, 80)
    into, expected = torch.full((2, count, 80), 7.0)
    engine().convolve(x, engine().pack_split(weight), pairs, 80, bias, residual, True, rows, into)
    engine().convolve(x, engine().pack(weight), pairs, 80, bias, residual, True, rows, expected)
    torch.testing.assert_close(into, expected, atol=3e-5, rtol=0)
    assert (into == 7).all(1).sum() == count - pairs.rows_out


def test_one_and_two_threads_give_the_same_bits():
    x, weight, pairs, _ = layer(1, 600, 96, 96)
    found, threads = [], torch.get_num_threads()
    for number in (1, 2):
        torch.set_num_threads(number)
        found.append(engine().convolve(x, engine().pack_split(weight), pairs, 96))
    torch.set_num_threads(threads)
    assert torch.equal(*found)


@pytest.mark.parametrize("shape", [(27, 32, 96), (27, 96, 48), (8, 72, 96)])
def test_layers_that_they_are_not_quicker_with_are_left_out(shape):
    assert engine().pack_split(torch.ones(shape)) is None


def test_double_precision_is_left_out():
    assert engine().pack_split(torch.ones(27, 64, 64, dtype=torch.float64)) is None
