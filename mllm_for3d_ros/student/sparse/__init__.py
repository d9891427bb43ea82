"""Sparse 3D convolution: submanifold 3x3x3, and stride-2 down and up between levels. See docs/sparse.md."""

from mllm_for3d_ros.student.sparse.choice import BACKENDS, backend_for, use_backend
from mllm_for3d_ros.student.sparse.layers import DownConv, SubmanifoldConv, UpConv
from mllm_for3d_ros.student.sparse.maps import KernelMap, Level, build_levels

__all__ = [
    "BACKENDS",
    "DownConv",
    "KernelMap",
    "Level",
    "SubmanifoldConv",
    "UpConv",
    "backend_for",
    "build_levels",
    "use_backend",
]
