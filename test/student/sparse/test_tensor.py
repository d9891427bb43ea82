"""Features that know their voxels."""

import pytest
import torch
from scattered import scattered

from mllm_for3d_ros.student.sparse import DownConv, SparseTensor, SubmanifoldConv, UpConv, build_levels


def test_a_way_down_and_up_ends_at_the_same_voxels_with_the_numbers_of_the_layers():
    coords = scattered(80)
    around, down, up = SubmanifoldConv(3, 4), DownConv(4, 5), UpConv(5, 6)
    start = SparseTensor.of(torch.randn(len(coords), 3), coords)
    end = start.convolve(around).map(torch.relu).down(down).up(up)
    level = build_levels(coords, 1)[0]
    rows = up(down(torch.relu(around(start.features, level)), level), level)
    assert torch.equal(end.coords, start.coords)
    torch.testing.assert_close(end.features, rows)


def test_kernel_maps_are_shared_along_the_way():
    coords = scattered(80)
    start = SparseTensor.of(torch.randn(len(coords), 3), coords)
    coarse = start.down(DownConv(3, 3))
    assert coarse.up(UpConv(3, 3)).level is start.level
    assert start.down(DownConv(3, 3)).level is coarse.level


def test_rows_and_levels_must_fit():
    coords = scattered(20)
    with pytest.raises(ValueError, match=r"features must be \[\d+, C\], got \(3, 2\)"):
        SparseTensor.of(torch.zeros(3, 2), coords)
    with pytest.raises(ValueError, match="cannot be raised"):
        SparseTensor.of(torch.zeros(len(coords), 2), coords).up(UpConv(2, 2))
