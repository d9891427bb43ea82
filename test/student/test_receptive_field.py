"""How far a perturbed voxel bears, against what the layers say."""

import numpy as np
import pytest
import torch

from mllm_for3d_ros.student.network import LEVELS, SparseUNet
from mllm_for3d_ros.student.program import POSES, compile_unet
from mllm_for3d_ros.student.receptive_field import input_interval, receptive_field
from mllm_for3d_ros.student.sparse import build_levels

LENGTH = 160


def positive_unet() -> SparseUNet:
    """A network in which nothing cancels and every ReLU lets through, in float64."""
    torch.manual_seed(0)
    unet = SparseUNet((4, 4, 4, 4)).eval().requires_grad_(False).double()
    for parameter in unet.parameters():
        parameter.abs_()
    return unet


@pytest.mark.parametrize("position", range(8))
@pytest.mark.parametrize("axis", [0, 2])
def test_an_output_depends_on_just_the_voxels_of_its_field(position, axis):
    unet = positive_unet()
    coords = torch.zeros((LENGTH, 3), dtype=torch.int32)
    coords[:, axis] = torch.arange(LENGTH) - LENGTH // 2
    levels = build_levels(coords, LEVELS)
    inputs = torch.ones((LENGTH, 8), dtype=torch.float64, requires_grad=True)
    embeddings, _ = unet(inputs, levels)
    row = LENGTH // 2 + position
    (gradient,) = torch.autograd.grad(embeddings[row].sum(), inputs)
    moved = coords[gradient.abs().sum(1) > 0, axis]
    assert (int(moved.min()), int(moved.max())) == input_interval(compile_unet(unet), position)


def test_the_field_is_the_same_wherever_the_coarsest_cell_lies():
    program = compile_unet(SparseUNet())
    for position in range(-8, 0):
        low, high = input_interval(program, position)
        assert (low + 8, high + 8) == input_interval(program, position + 8)


def test_the_shipped_network_sees_2_55_m():
    field = receptive_field(compile_unet(SparseUNet()))
    assert field.reach == 51 and field.mean_reach == 47.5
    assert len(field.fields) == 8


@pytest.mark.parametrize("pose", POSES)
def test_turned_copies_see_as_far(pose):
    unet = SparseUNet()
    assert receptive_field(compile_unet(unet, pose)) == receptive_field(compile_unet(unet))


def test_without_the_coarsest_level_a_network_sees_less():
    unet = SparseUNet()
    for name in ("down", "encoders", "up", "decoders"):
        setattr(unet, name, getattr(unet, name)[:-1])
    field = receptive_field(compile_unet(unet.eval()))
    assert field.reach == max(np.abs(field.fields).ravel()) == 23
