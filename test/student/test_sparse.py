"""Sparse convolution against dense convolution and numerical gradients."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from mllm_for3d_ros.student.sparse import DownConv, SubmanifoldConv, UpConv, _Submanifold, build_levels


def scattered(count: int, seed: int = 0, extent: int = 6, lowest: int = -3) -> torch.Tensor:
    """Unique random voxels [N, 3] int32, some negative."""
    rng = np.random.default_rng(seed)
    coords = np.unique(rng.integers(lowest, lowest + extent, (count, 3)), axis=0)
    return torch.from_numpy(rng.permutation(coords).astype(np.int32))


def dense(coords: torch.Tensor, rows: torch.Tensor, lowest: int, extent: int) -> torch.Tensor:
    """[1, C, X, Y, Z] volume of the rows."""
    volume = torch.zeros(rows.shape[1], extent, extent, extent)
    x, y, z = (coords.long() - lowest).T
    volume[:, x, y, z] = rows.T
    return volume[None]


def picked(volume: torch.Tensor, coords: torch.Tensor, lowest: int) -> torch.Tensor:
    x, y, z = (coords.long() - lowest).T
    return volume[0, :, x, y, z].T


@given(seed=st.integers(0, 100), count=st.integers(1, 120))
@settings(max_examples=20, deadline=None)
def test_submanifold_convolution_equals_dense_at_the_occupied_voxels(seed, count):
    coords = scattered(count, seed)
    convolution = SubmanifoldConv(3, 5)
    rows = torch.randn(len(coords), 3)
    kernel = convolution.weight.view(3, 3, 3, 3, 5).permute(4, 3, 0, 1, 2)
    expected = picked(F.conv3d(dense(coords, rows, -3, 6), kernel, padding=1), coords, -3)
    torch.testing.assert_close(convolution(rows, build_levels(coords, 1)[0]), expected, atol=1e-4, rtol=1e-4)


@given(seed=st.integers(0, 100))
@settings(max_examples=10, deadline=None)
def test_down_and_up_equal_dense_strided_convolution(seed):
    coords = scattered(60, seed, extent=8, lowest=-4)
    levels = build_levels(coords, 2)
    coarse = torch.div(coords, 2, rounding_mode="floor")
    down, rows = DownConv(3, 4), torch.randn(len(coords), 3)
    kernel = down.weight.view(2, 2, 2, 3, 4).permute(4, 3, 0, 1, 2)
    result = down(rows, levels[0], len(levels[1]))
    expected = picked(F.conv3d(dense(coords, rows, -4, 8), kernel, stride=2), coarse, -2)
    torch.testing.assert_close(result[levels[0].parent], expected, atol=1e-4, rtol=1e-4)
    up = UpConv(4, 3)
    raised = up(result, levels[0])
    kernel = up.weight.view(2, 2, 2, 4, 3).permute(3, 4, 0, 1, 2)
    volume = torch.zeros(1, 4, 4, 4, 4)
    x, y, z = (coarse.long() + 2).T
    volume[0, :, x, y, z] = result[levels[0].parent].T
    expected = picked(F.conv_transpose3d(volume, kernel, stride=2), coords, -4)
    torch.testing.assert_close(raised, expected, atol=1e-4, rtol=1e-4)


def test_gradients_are_those_of_finite_differences():
    coords = scattered(25)
    level = build_levels(coords, 1)[0]
    rows = torch.randn(len(coords), 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(27, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, w: _Submanifold.apply(x, w, level.neighbours), (rows, weight))


def test_a_lone_voxel_and_far_negative_voxels_work():
    for coords in ([[0, 0, 0]], [[-100_000, 5, -7], [-99_999, 5, -7]]):
        levels = build_levels(torch.tensor(coords), 3)
        assert len(levels[0]) == len(coords)
        assert torch.isfinite(SubmanifoldConv(2, 2)(torch.ones(len(coords), 2), levels[0])).all()


@pytest.mark.parametrize(
    ("coords", "message"),
    [
        (torch.zeros(0, 3), "N >= 1"),
        (torch.zeros(2, 3, dtype=torch.int32), "must be unique"),
        (torch.tensor([[1 << 20, 0, 0]]), "shift the cloud"),
    ],
)
def test_unfit_coordinates_are_refused(coords, message):
    with pytest.raises(ValueError, match=message):
        build_levels(coords, 2)
