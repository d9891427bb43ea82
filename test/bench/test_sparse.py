"""The benchmark of sparse convolution on a room of few voxels."""

import torch

from bench.sparse import measure, multiplications, room_voxels
from mllm_for3d_ros.student.minkunet import MinkUNet, Shape
from mllm_for3d_ros.student.sparse import build_levels, folded


def test_all_figures_are_there():
    figures = measure(0.25, rounds=1)
    wanted = {f"{kind}_ms_{name}" for kind in ("forward", "train") for name in ("cpp", "torch")}
    assert wanted | {"floor_ms", "kernel_maps_ms", "forward_ratio_cpp_to_floor"} <= figures.keys()
    assert all(value > 0 for value in figures.values())


def test_multiplications_are_pairs_times_channels():
    network = folded(MinkUNet(Shape((1,) * 8, (1,) * 8)))
    lone = build_levels(torch.zeros(1, 3), 5)  # one voxel on every level, which meets itself only
    total = multiplications(network, torch.zeros(1, 8), lone)
    stem, down, up, heads = 8 * 32, 32 * 32 + 3, 4, 2 * 64
    encoders = (32 + 1 + 32) + 3 * 2  # first, second, projected shortcut; then two convolutions of one channel
    decoders = 3 * (2 + 1 + 2) + (33 + 1 + 33)  # the skip is joined: one and one, at the end one and the stem's 32
    assert total == stem + down + up + heads + encoders + decoders


def test_a_room_of_half_the_voxel_has_more_than_thrice_the_voxels():
    assert len(room_voxels(0.1)) > 3 * len(room_voxels(0.2))
