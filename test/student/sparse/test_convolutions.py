"""Every backend that runs here against dense convolution and numerical gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scattered import Volume, kernel, scattered
from torch.nn import functional as F

from mllm_for3d_ros.student.sparse import (
    BACKENDS,
    DownConv,
    KernelMap,
    SubmanifoldConv,
    UpConv,
    build_levels,
    use_backend,
)
from mllm_for3d_ros.student.sparse.engine import engine

EVEN, LOWEST, EXTENT = 8, -4, 8
RUNNING = [name for name, backend in BACKENDS.items() if backend.problem(torch.zeros(1, 1)) is None]


def dense_submanifold(coords, rows, weight):
    volume = Volume(coords, LOWEST, EXTENT)
    return volume.pick(F.conv3d(volume.put(rows), kernel(weight), padding=1))


def dense_down(coords, rows, weight, coarse):
    result = F.conv3d(Volume(coords, LOWEST, EXTENT).put(rows), kernel(weight), stride=2)
    return Volume(coarse, LOWEST // 2, EXTENT // 2).pick(result)


def dense_up(coords, rows, weight, coarse):
    volume = Volume(coarse, LOWEST // 2, EXTENT // 2).put(rows)
    result = F.conv_transpose3d(volume, kernel(weight).transpose(0, 1), stride=2)
    return Volume(coords, LOWEST, EXTENT).pick(result)


def with_gradients(result, rows, weight, seed):
    """The result and its gradients by rows and weight, for a random gradient of it."""
    given_gradient = torch.randn(result.shape, generator=torch.Generator().manual_seed(seed), dtype=result.dtype)
    return [result.detach(), *torch.autograd.grad(result, (rows, weight), given_gradient)]


def test_the_engine_is_built_and_is_what_runs_on_the_cpu():
    assert RUNNING[:2] == ["cpp", "torch"]


@pytest.mark.parametrize("name", RUNNING)
@given(
    seed=st.integers(0, 1000),
    count=st.integers(1, 300),
    inputs=st.integers(1, 40),
    outputs=st.integers(1, 70),
    batches=st.integers(0, 3),
)
@settings(max_examples=12, deadline=None)
def test_convolutions_and_gradients_equal_dense_ones(name, seed, count, inputs, outputs, batches):
    torch.manual_seed(seed)
    coords = scattered(count, seed, EXTENT, LOWEST, batches)
    level = build_levels(coords, 2)[0]
    coarse = level.coarser.coords
    cases = [
        (SubmanifoldConv(inputs, outputs), len(level), dense_submanifold, ()),
        (DownConv(inputs, outputs), len(level), dense_down, (coarse,)),
        (UpConv(inputs, outputs), len(coarse), dense_up, (coarse,)),
    ]
    for layer, rows_in, dense, more in cases:
        rows = torch.randn(rows_in, inputs, requires_grad=True)
        with use_backend(name):
            result = with_gradients(layer(rows, level), rows, layer.weight, seed)
        expected = with_gradients(dense(coords, rows, layer.weight, *more), rows, layer.weight, seed)
        for ours, theirs in zip(result, expected, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["cpp", "torch"])
@pytest.mark.parametrize("kind", ["submanifold", "down", "up"])
def test_gradients_are_those_of_finite_differences(name, kind):
    level = build_levels(scattered(25), 2)[0]
    rows_in = len(level.coarser) if kind == "up" else len(level)
    rows = torch.randn(rows_in, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(27 if kind == "submanifold" else 8, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: getattr(BACKENDS[name], kind)(x, w, level), (rows, weight))


@pytest.mark.parametrize("name", ["cpp", "torch"])
def test_no_rows_and_offsets_without_pairs_give_zeros(name):
    for rows_in, rows_out in ((0, 0), (3, 0), (0, 4), (3, 4)):
        nothing = KernelMap(torch.full((27, rows_out), -1, dtype=torch.int32), rows_in)
        x, weight = torch.randn(rows_in, 5), torch.randn(27, 5, 6)
        result = BACKENDS[name].forward(x, weight, nothing)
        assert result.shape == (rows_out, 6)
        assert not result.any()
        gradient = BACKENDS[name].weight_gradient(x, torch.randn(rows_out, 6), nothing)
        assert gradient.shape == weight.shape
        assert not gradient.any()


def test_one_and_two_threads_give_the_same_bits():
    coords = scattered(4000, extent=20, lowest=-10)
    layers = [SubmanifoldConv(19, 45), DownConv(45, 70), SubmanifoldConv(70, 66), UpConv(66, 33)]

    def run(threads: int) -> list[torch.Tensor]:
        torch.set_num_threads(threads)
        fine, coarse = build_levels(coords, 2)
        x = torch.linspace(-1, 1, len(fine) * 19).sin().reshape(-1, 19).requires_grad_()
        y = x
        for layer, level in zip(layers, (fine, fine, coarse, fine), strict=True):
            y = layer(y, level)
        weights = [layer.weight for layer in layers]
        return [y.detach(), *torch.autograd.grad(y.square().sum(), [x, *weights])]

    before = torch.get_num_threads()
    try:
        one, two = run(1), run(2)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


@given(st.integers(0, 2**16), st.booleans())
@settings(max_examples=20, deadline=None)
def test_outputs_are_written_to_the_rows_that_are_named_and_nowhere_else(seed, relu):
    compiled = engine()
    assert compiled is not None
    generator = torch.Generator().manual_seed(seed)
    coords = scattered(300, extent=9)
    pairs = compiled.pairs(build_levels(coords, 1)[0].submanifold.table)
    x = torch.randn(len(coords), 7, generator=generator)
    packed = compiled.pack(torch.randn(27, 7, 21, generator=generator))
    bias, values = torch.randn(21, generator=generator), torch.randn(400, 21, generator=generator)
    rows = torch.randperm(400, generator=generator)[: len(coords)]
    wanted = values.clone()
    wanted[rows] = compiled.convolve(x, packed, pairs, 21, bias, values[rows], relu)
    assert compiled.convolve(x, packed, pairs, 21, bias, values, relu, rows, values) is values
    torch.testing.assert_close(values, wanted, atol=0, rtol=0)


def test_rows_of_another_shape_are_refused():
    level = build_levels(scattered(30), 2)[0]
    with pytest.raises(ValueError, match=r"rows must be \[\d+, 3\], got \(4, 3\)"):
        SubmanifoldConv(3, 5)(torch.zeros(4, 3), level)


def test_half_precision_runs_in_torch():
    level = build_levels(scattered(60), 1)[0]
    layer = SubmanifoldConv(8, 8)
    rows = torch.randn(len(level), 8)
    torch.testing.assert_close(layer(rows.bfloat16(), level), layer(rows, level).bfloat16(), atol=0.1, rtol=0.1)
