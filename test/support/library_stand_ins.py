"""Stand-ins for MinkowskiEngine and spconv: their interfaces as far as the backends use them, computed densely.

They follow the libraries' documented conventions: MinkowskiEngine orders kernels with x fastest and keeps the
order of unique voxels; spconv takes weights [Co, k, k, k, Ci], no negative indices, and orders coarse rows as it likes.
"""

import types

import torch
from scattered import Volume, kernel
from torch.nn import functional as F

from mllm_for3d_ros.student.sparse.weights import from_minkowski


def _dense(coords_in, coords_out, rows, weight, stride):
    """Strided or submanifold convolution of voxels within [-16, 16)."""
    put = Volume(coords_in, -16, 32).put(rows)
    result = F.conv3d(put, kernel(weight), padding=1 if len(weight) == 27 else 0, stride=stride)
    return Volume(coords_out, -16 // stride, 32 // stride).pick(result)


def _dense_up(coords_in, coords_out, rows, weight):
    put = Volume(coords_in, -8, 16).put(rows)
    result = F.conv_transpose3d(put, kernel(weight).transpose(0, 1), stride=2)
    return Volume(coords_out, -16, 32).pick(result)


class _Manager:
    def __init__(self, D):
        assert D == 3

    def insert_and_map(self, coords, stride, name):
        coords = coords // torch.tensor([1, stride, stride, stride])
        return coords, (torch.arange(len(coords)), torch.arange(len(coords)))


class _Convolve:
    @staticmethod
    def apply(x, weight, generator, mode, coords_in, coords_out, manager):
        return _dense(coords_in, coords_out, x, from_minkowski(weight), generator.stride)


class _Transpose:
    @staticmethod
    def apply(x, weight, generator, mode, coords_in, coords_out, manager):
        return _dense_up(coords_in, coords_out, x, from_minkowski(weight))


minkowski = types.SimpleNamespace(
    CoordinateManager=_Manager,
    KernelGenerator=lambda kernel_size, stride, dilation, dimension: types.SimpleNamespace(stride=stride),
    MinkowskiConvolutionFunction=_Convolve,
    MinkowskiConvolutionTransposeFunction=_Transpose,
)
minkowski_compiled = types.SimpleNamespace(ConvolutionMode=types.SimpleNamespace(DEFAULT=0))
"""Of ``MinkowskiEngineBackend._C``: the package itself does not have the modes."""


class _Tensor:
    def __init__(self, features, indices, shape, batch_size, joined=None):
        assert int(indices.min()) >= 0
        assert all(side % 2 == 0 for side in shape) or joined is not None
        self.features, self.indices, self.shape, self.batch_size = features, indices, shape, batch_size
        self.joined = {} if joined is None else joined

    def replace_feature(self, features):
        return _Tensor(features, self.indices, self.shape, self.batch_size, self.joined)


class _Layer(torch.nn.Module):
    def __init__(self, inputs, outputs, size, stride=1, padding=0, bias=True, indice_key=None):
        super().__init__()
        assert not bias
        self.weight = torch.nn.Parameter(torch.zeros(outputs, size, size, size, inputs))
        self.key = indice_key

    @property
    def ours(self):
        return self.weight.permute(1, 2, 3, 4, 0).flatten(0, 2)


class _Around(_Layer):
    def forward(self, tensor):
        result = _dense(tensor.indices, tensor.indices, tensor.features, self.ours, 1)
        return tensor.replace_feature(result)


class _Down(_Layer):
    def forward(self, tensor):
        halved = tensor.indices // torch.tensor([1, 2, 2, 2])
        coarse = torch.unique(halved, dim=0).flip(0).int()  # an order of its own
        tensor.joined[self.key] = tensor.indices
        result = _dense(tensor.indices, coarse, tensor.features, self.ours, 2)
        return _Tensor(result, coarse, [side // 2 for side in tensor.shape], tensor.batch_size, tensor.joined)


class _Up(_Layer):
    def forward(self, tensor):
        fine = tensor.joined[self.key]
        return _Tensor(_dense_up(tensor.indices, fine, tensor.features, self.ours), fine, [], 1, tensor.joined)


spconv = types.SimpleNamespace(
    SparseConvTensor=_Tensor, SubMConv3d=_Around, SparseConv3d=_Down, SparseInverseConv3d=_Up
)
