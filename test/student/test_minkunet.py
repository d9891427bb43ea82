"""The U-Nets by name: size, receptive field, inputs, backends."""

import pytest
import torch
from scattered import scattered

from mllm_for3d_ros.student import minkunet
from mllm_for3d_ros.student.minkunet import SHAPES, MinkUNet, Shape, build_unet
from mllm_for3d_ros.student.network import SparseUNet, StudentNetwork
from mllm_for3d_ros.student.sparse import build_levels, use_backend

SMALL = Shape((2, 3, 4, 5, 4, 3, 3, 2), (1,) * 8)


@pytest.mark.parametrize("name", SHAPES)
def test_parameters_and_reach_are_those_of_the_docstring(name):
    with torch.device("meta"):
        parameters = sum(p.numel() for p in build_unet(name).parameters())
    assert f"| {name} | {parameters / 1e6:.1f} M | {SHAPES[name].reach} |" in (minkunet.__doc__ or "")


def test_an_output_depends_on_the_voxels_within_reach_and_on_no_other():
    torch.manual_seed(0)
    network = MinkUNet(SMALL).eval()
    for parameter in network.parameters():
        parameter.data = parameter.data.abs() + 0.1  # nothing is cut off by ReLU
    line = torch.zeros(320, 3, dtype=torch.int32)
    line[:, 0] = torch.arange(320)
    inputs = torch.ones(320, 8, dtype=torch.float64, requires_grad=True)
    result = network.double()(inputs, build_levels(line, 5))[0]
    seen = []
    for position in range(144, 160):
        (gradient,) = torch.autograd.grad(result[position].sum(), inputs, retain_graph=True)
        touched = torch.nonzero(gradient.abs().sum(1)).squeeze(1)
        seen.append(float(touched.max() - touched.min()) / 2)
    assert sum(seen) / len(seen) == SMALL.reach


def test_backends_give_the_same_numbers_and_gradients():
    torch.manual_seed(0)
    network, coords = MinkUNet(SMALL), scattered(400, extent=10)
    inputs, results = torch.randn(len(coords), 8), []
    for name in ("cpp", "torch"):
        network.zero_grad()
        with use_backend(name):
            mask, spatial = network(inputs, build_levels(coords, 5))
        (mask.square().mean() + spatial.square().mean()).backward()
        results.append([mask.detach(), spatial.detach(), *(p.grad.clone() for p in network.parameters())])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)


def test_a_dropped_input_is_not_looked_at():
    coords = scattered(60)
    levels, inputs = build_levels(coords, 5), torch.randn(len(coords), 8)
    network = MinkUNet(SMALL, ["color", "height"]).eval()
    other = inputs.clone()
    other[:, 3:6] = 9.0
    assert torch.equal(network(inputs, levels)[0], network(other, levels)[0])
    other[:, 0] = 9.0
    assert not torch.equal(network(inputs, levels)[0], network(other, levels)[0])


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"unknown network 'minkunet9'.*minkunet14a"):
        build_unet("minkunet9")
    with pytest.raises(ValueError, match=r"unknown inputs depth.*color"):
        build_unet("minkunet14a", ["depth"])


def test_a_student_is_built_by_name_and_again_from_its_tensors():
    student = StudentNetwork(3, unet=build_unet("minkunet14a", ["color", "height"]))
    again = StudentNetwork.shaped_like(student.state_dict())
    again.load_state_dict(student.state_dict())
    assert isinstance(StudentNetwork(3, unet="minkunet14a").unet, MinkUNet)
    assert isinstance(StudentNetwork.shaped_like(StudentNetwork(3).state_dict()).unet, SparseUNet)
    with pytest.raises(ValueError, match="unknown network"):
        StudentNetwork(3, unet="large")
