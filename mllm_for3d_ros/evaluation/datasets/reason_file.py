"""The scenes that Reason3D provides: ``<id>_reason.pth`` of ScanNet and ``<scan>_region<k>.pth`` of Matterport3D."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import DatasetError
from mllm_for3d_ros.evaluation.datasets.scene import UNLABELLED, BenchmarkScene

_COLUMNS = ("xyz", "rgb", "superpoint", "semantic", "instance")


def read_reason_file(path: Path, scene_id: str) -> BenchmarkScene:
    """A scene that Reason3D prepared: a tuple of xyz, rgb in -1..1, superpoint, semantic and, of ScanNet, instance.

    ``semantic`` is the ScanNet200 class index, or the raw category of Matterport3D. The points of ScanNet are
    about their mean, not in the frame of the camera poses: Reason3D subtracts it.

    Raises:
        DatasetError: the file is missing, damaged, or of another form.
    """
    columns = _arrays(path)
    if not 4 <= len(columns) <= 5:
        raise DatasetError(f"{path} has {len(columns)} arrays, not 4 or 5: use the files that Reason3D provides")
    n = len(columns[0]) if columns[0].ndim else 0
    for name, column in zip(_COLUMNS, columns, strict=False):
        shape = (n, 3) if name in ("xyz", "rgb") else (n,)
        if column.shape != shape or column.dtype.kind not in "fiub" or not np.isfinite(column).all():
            raise DatasetError(f"{name} in {path} is no finite array of {shape}: use the files that Reason3D provides")
    xyz, rgb, superpoint, semantic = columns[:4]
    instance = columns[4] if len(columns) == 5 else np.full(n, UNLABELLED)
    colors = np.rint((np.clip(rgb, -1, 1) + 1) * 127.5).astype(np.uint8)
    points = np.ascontiguousarray(xyz, dtype=np.float32)
    dense = np.unique(superpoint, return_inverse=True)[1].astype(np.int32)
    return BenchmarkScene(scene_id, points, colors, dense, instance.astype(np.int32), semantic.astype(np.int32))


def _arrays(path: Path) -> list[np.ndarray]:
    """The arrays in a file of torch.save, without running anything in it."""
    import torch

    try:
        with torch.serialization.safe_globals(_numpy_globals()):
            content = torch.load(path, map_location="cpu", weights_only=True)
        return [np.asarray(column) for column in content]
    except (OSError, EOFError, RuntimeError, ValueError, TypeError, pickle.UnpicklingError) as cause:
        detail = " ".join(str(cause).split())[:120]
        raise DatasetError(f"{path} holds no arrays ({detail}): use the files that Reason3D provides") from cause


def _numpy_globals() -> list[Any]:
    """What a pickled numpy array of numbers refers to, under its names in numpy 1 and 2; nothing else is allowed."""
    rebuild = np.zeros(0).__reduce__()[0]
    kinds = "?bBhHiIlLqQfd"
    names = [(rebuild, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")]
    return [*names, np.ndarray, np.dtype, *{type(np.dtype(kind)) for kind in kinds}]
