"""Which backend computes: the one asked for, else the best that this package can answer for."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Iterator
from contextvars import ContextVar

import torch

from mllm_for3d_ros.errors import DeviceError
from mllm_for3d_ros.student.sparse.backend import Backend
from mllm_for3d_ros.student.sparse.engine import engine
from mllm_for3d_ros.student.sparse.minkowski_backend import MinkowskiBackend
from mllm_for3d_ros.student.sparse.pair_backends import CppBackend, TorchBackend
from mllm_for3d_ros.student.sparse.spconv_backend import SpconvBackend

BACKEND_VARIABLE = "MLLM_FOR3D_SPARSE_BACKEND"
_ALL: tuple[Backend, ...] = (
    CppBackend(),
    TorchBackend(),
    MinkowskiBackend(),
    SpconvBackend("spconv_triton", "spconv_triton.pytorch"),
    SpconvBackend("spconv", "spconv.pytorch"),
)
BACKENDS = {backend.name: backend for backend in _ALL}
"""By name."""
_asked: ContextVar[str | None] = ContextVar("sparse_backend", default=None)
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Convolve with the backend ``name`` inside the block, or fail there.

    Raises:
        DeviceError: there is no backend of that name.
    """
    _known(name)
    token = _asked.set(name)
    try:
        yield
    finally:
        _asked.reset(token)


def backend_for(x: torch.Tensor) -> Backend:
    """The backend for rows like ``x``: of ``use_backend``, of the environment, or by itself ``cpp`` or ``torch``.

    Raises:
        DeviceError: the one asked for is unknown or cannot take such rows.
    """
    name = _asked.get() or os.environ.get(BACKEND_VARIABLE)
    if name:
        cause = _known(name).problem(x)
        if cause is not None:
            raise DeviceError(f"sparse backend {name} cannot be used: {cause}")
        return BACKENDS[name]
    cause = BACKENDS["cpp"].problem(x)
    if cause is None:
        return BACKENDS["cpp"]
    if x.device.type == "cpu" and engine() is not None:  # a missing engine says so itself
        _say_once(cause)
    return BACKENDS["torch"]


def _known(name: str) -> Backend:
    if name not in BACKENDS:
        raise DeviceError(f"unknown sparse backend {name!r}: choose one of {', '.join(BACKENDS)}")
    return BACKENDS[name]


@functools.cache
def _say_once(cause: str) -> None:
    _log.warning("sparse convolutions run in plain torch: %s", cause)
