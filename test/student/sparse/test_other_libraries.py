"""The backends of other libraries, with stand-ins where those are not installed: orders of weights and rows."""

import sys

import pytest
import torch
from library_stand_ins import minkowski, minkowski_compiled, spconv
from scattered import scattered

from mllm_for3d_ros.student.sparse import BACKENDS, build_levels, minkowski_backend, minkowski_checkpoint
from mllm_for3d_ros.student.sparse.minkowski_backend import MinkowskiBackend
from mllm_for3d_ros.student.sparse.spconv_backend import SpconvBackend
from mllm_for3d_ros.student.sparse.weights import from_minkowski, to_spconv


@pytest.fixture(params=["minkowski", "spconv"])
def backend(request, monkeypatch):
    """The backend over the stand-in of its library."""
    if request.param == "minkowski":
        monkeypatch.setattr(minkowski_backend, "minkowski_engine", lambda: minkowski)
        monkeypatch.setitem(sys.modules, "MinkowskiEngineBackend._C", minkowski_compiled)
        return MinkowskiBackend()
    chosen = SpconvBackend("spconv", "spconv.pytorch")
    chosen.__dict__["_library"] = spconv
    return chosen


@pytest.mark.parametrize("batches", [0, 2])
@pytest.mark.parametrize("kind", ["submanifold", "down", "up"])
def test_numbers_and_gradients_are_those_of_the_torch_backend(backend, kind, batches):
    level = build_levels(scattered(150, extent=13, lowest=-7, batches=batches), 2)[0]
    torch.manual_seed(0)
    rows = torch.randn(len(level.coarser if kind == "up" else level), 3, requires_grad=True)
    weight = torch.randn(27 if kind == "submanifold" else 8, 3, 4, requires_grad=True)
    found = []
    for each in (backend, BACKENDS["torch"]):
        result = getattr(each, kind)(rows, weight, level)
        found.append([result.detach(), *torch.autograd.grad(result.square().sum(), (rows, weight))])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_what_belongs_to_a_level_is_made_once(backend):
    level = build_levels(scattered(50), 2)[0]
    rows, weight = torch.randn(len(level), 2), torch.randn(27, 2, 2)
    backend.submanifold(rows, weight, level)
    kept = level.cache[backend.name]
    backend.submanifold(rows, weight, level)
    assert level.cache[backend.name] is kept


def test_a_minkowski_kernel_has_x_fastest():
    kernel = torch.arange(27.0).reshape(27, 1, 1)
    weight = from_minkowski(kernel)
    for x, y, z in ((0, 0, 1), (1, 0, 0), (2, 1, 0)):
        assert weight[9 * x + 3 * y + z] == kernel[x + 3 * y + 9 * z]
    assert torch.equal(from_minkowski(weight), kernel)


def test_a_minkowski_checkpoint_becomes_ours():
    tensors = {
        "block.conv1.kernel": torch.randn(27, 4, 5),
        "block.norm1.bn.weight": torch.randn(5),
        "down.kernel": torch.randn(8, 4, 4),
        "shortcut.kernel": torch.randn(4, 5),
    }
    ours = minkowski_checkpoint(tensors)
    assert torch.equal(ours["block.conv1.weight"][1], tensors["block.conv1.kernel"][9])
    assert torch.equal(ours["block.norm1.weight"], tensors["block.norm1.bn.weight"])
    assert ours["down.weight"].shape == (8, 4, 4)
    assert torch.equal(ours["shortcut.weight"][0], tensors["shortcut.kernel"])


def test_weights_that_are_no_cube_are_refused():
    for convert in (from_minkowski, to_spconv):
        with pytest.raises(ValueError, match="must be a cube, got 26"):
            convert(torch.zeros(26, 2, 2))
