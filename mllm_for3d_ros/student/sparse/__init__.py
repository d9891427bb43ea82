"""Sparse 3D convolution: submanifold 3x3x3, and stride-2 down and up between levels. See docs/sparse.md."""

from mllm_for3d_ros.student.sparse.choice import BACKENDS, backend_for, use_backend
from mllm_for3d_ros.student.sparse.layers import DownConv, SubmanifoldConv, UpConv
from mllm_for3d_ros.student.sparse.maps import KernelMap, Level, build_levels
from mllm_for3d_ros.student.sparse.norm import NormedConv, folded
from mllm_for3d_ros.student.sparse.tensor import SparseTensor
from mllm_for3d_ros.student.sparse.weights import minkowski_checkpoint

__all__ = [
    "BACKENDS",
    "DownConv",
    "KernelMap",
    "Level",
    "NormedConv",
    "SparseTensor",
    "SubmanifoldConv",
    "UpConv",
    "backend_for",
    "build_levels",
    "folded",
    "minkowski_checkpoint",
    "use_backend",
]
