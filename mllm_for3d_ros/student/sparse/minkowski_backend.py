"""MinkowskiEngine as a backend, where it is installed (0.5.4; no longer maintained by its author)."""

from __future__ import annotations

import collections
import collections.abc
import functools
import importlib
from types import ModuleType
from typing import Any

import torch

from mllm_for3d_ros.student.sparse.backend import Backend
from mllm_for3d_ros.student.sparse.maps import Level
from mllm_for3d_ros.student.sparse.weights import from_minkowski


@functools.cache
def minkowski_engine() -> ModuleType | str:
    """The library, or why there is none."""
    if not hasattr(collections, "Sequence"):  # it still looks for it here
        collections.Sequence = collections.abc.Sequence  # type: ignore[attr-defined]
    try:
        return importlib.import_module("MinkowskiEngine")
    except (ImportError, OSError) as error:
        return f"MinkowskiEngine cannot be imported ({error})"


class MinkowskiBackend(Backend):
    """Its convolution functions over coordinate maps whose rows are in our order."""

    name = "minkowski"

    def problem(self, x: torch.Tensor) -> str | None:
        """See ``Backend``."""
        library = minkowski_engine()
        if isinstance(library, str):
            return library
        if x.dtype not in (torch.float32, torch.float64):
            return f"MinkowskiEngine computes in float32 or float64, not in {str(x.dtype).removeprefix('torch.')}"
        return None

    def submanifold(self, x: torch.Tensor, weight: torch.Tensor, level: Level) -> torch.Tensor:
        """See ``Backend``."""
        library, (manager, key, _) = _library(), _coordinate_maps(level)
        generator = library.KernelGenerator(kernel_size=3, stride=1, dilation=1, dimension=3)
        return _apply(library.MinkowskiConvolutionFunction, x, weight, generator, key, key, manager)

    def down(self, x: torch.Tensor, weight: torch.Tensor, level: Level) -> torch.Tensor:
        """See ``Backend``."""
        library, (manager, fine, coarse) = _library(), _coordinate_maps(level)
        return _apply(library.MinkowskiConvolutionFunction, x, weight, _halving(library), fine, coarse, manager)

    def up(self, x: torch.Tensor, weight: torch.Tensor, level: Level) -> torch.Tensor:
        """See ``Backend``."""
        library, (manager, fine, coarse) = _library(), _coordinate_maps(level)
        function = library.MinkowskiConvolutionTransposeFunction
        return _apply(function, x, weight, _halving(library), coarse, fine, manager)


def _library() -> Any:
    return minkowski_engine()


def _halving(library: Any) -> Any:
    return library.KernelGenerator(kernel_size=2, stride=2, dilation=1, dimension=3)


def _apply(
    function: Any, x: torch.Tensor, weight: torch.Tensor, generator: Any, read: Any, written: Any, manager: Any
) -> torch.Tensor:
    kernel = from_minkowski(weight).contiguous()
    mode = importlib.import_module("MinkowskiEngineBackend._C").ConvolutionMode.DEFAULT
    result: torch.Tensor = function.apply(x.contiguous(), kernel, generator, mode, read, written, manager)
    return result


def _coordinate_maps(level: Level) -> tuple[Any, Any, Any]:
    """Manager, key of the level and key of the coarser one, made once for a level.

    Raises:
        RuntimeError: the library reordered the voxels, which it does not for unique ones.
    """
    if "minkowski" not in level.cache:
        manager = _library().CoordinateManager(D=3)
        coarse = level.coarser.coords * torch.tensor([1, 2, 2, 2], dtype=torch.int32, device=level.coords.device)
        keys = []
        for coords, stride in ((level.coords, 1), (coarse, 2)):
            key, (kept, _) = manager.insert_and_map(coords, stride, str(stride))
            if len(kept) and not torch.equal(kept.cpu().long(), torch.arange(len(coords))):
                raise RuntimeError("MinkowskiEngine reordered unique voxels; use the backend cpp or torch")
            keys.append(key)
        level.cache["minkowski"] = (manager, *keys)
    maps: tuple[Any, Any, Any] = level.cache["minkowski"]
    return maps
