"""Maps as columns of a PointCloud2, and any coloured point cloud as a SceneCloud: one row a voxel, with normals.

Our maps carry x y z (m), rgb, weight, normal_x normal_y normal_z and age: the seconds from a voxel's
last observation to the stamp of the cloud.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit

from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.scene.normals import estimate_normals
from mllm_for3d_ros.scene.voxel_map import voxel_keys
from mllm_for3d_ros.scene.voxel_rows import power_of_two
from mllm_for3d_ros.scene.voxel_storage import OPTIONS, slot
from mllm_for3d_ros.types import SceneCloud

NORMAL_FIELDS = ("normal_x", "normal_y", "normal_z")
_KEY_LIMIT = 1 << 20  # voxels from the origin that a packed key can name


class CloudError(MLLMFor3DError):
    """A point cloud that cannot serve as a map."""


def map_columns(cloud: SceneCloud, stamp_ns: int) -> dict[str, np.ndarray]:
    """The columns of a map message whose header says ``stamp_ns``; ``scene_cloud`` undoes it."""
    wide = cloud.colors.astype(np.uint32)
    columns = {axis: cloud.points[:, k] for k, axis in enumerate("xyz")}
    columns["rgb"] = (wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]).view(np.float32)
    columns["weight"] = cloud.weights
    columns |= {name: cloud.normals[:, k] for k, name in enumerate(NORMAL_FIELDS)}
    columns["age"] = ((stamp_ns - cloud.last_seen_ns) * 1e-9).astype(np.float32)
    return columns


@dataclass(frozen=True)
class CloudIdentity:
    """What a cloud's columns do not say: its frame, newest stamp, version and epoch."""

    frame_id: str
    stamp_ns: int
    version: int
    epoch: str


def scene_cloud(columns: Mapping[str, np.ndarray], voxel_size: float, identity: CloudIdentity) -> SceneCloud:
    """A SceneCloud of the columns of a PointCloud2.

    Points that are not finite are left out. Points that share a voxel are merged to their mean, so a
    cloud of any density may be given; a map of ours with the same voxel size keeps its rows as they are.
    Missing weights are 1, missing ages 0, missing normals are estimated.

    Args:
        columns: [N] arrays by field name, at least x, y, z, and "colors" [N, 3] uint8 (see ``unpack_points``).
        voxel_size: edge of a voxel in m.
        identity: goes into the result.

    Raises:
        CloudError: x, y, z or the colour is missing.
    """
    if missing := [axis for axis in "xyz" if axis not in columns]:
        raise CloudError(f"the cloud has no field {', '.join(missing)}: publish a PointCloud2 with x y z and rgb")
    if "colors" not in columns:
        raise CloudError("the cloud has no colour (field rgb or rgba of 4 bytes): publish a coloured PointCloud2")
    points, colors = np.stack([columns[axis] for axis in "xyz"], axis=1).astype(np.float32), columns["colors"]
    normals = None
    if all(name in columns for name in NORMAL_FIELDS):
        normals = np.stack([columns[name] for name in NORMAL_FIELDS], axis=1).astype(np.float32)
    n = len(points)
    weights = columns.get("weight", np.ones(n)).astype(np.float32)
    age = np.nan_to_num(columns.get("age", np.zeros(n)).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    last_seen = identity.stamp_ns - np.rint(np.clip(age, 0, 1e9) * 1e9).astype(np.int64)
    with np.errstate(invalid="ignore"):
        good = _along_axes(np.abs(points) < _KEY_LIMIT * voxel_size)
    if not good.all():
        points, colors, weights, last_seen = points[good], colors[good], weights[good], last_seen[good]
        normals = None if normals is None else normals[good]
    weights[~(np.isfinite(weights) & (weights > 0))] = 1e-6
    if normals is not None:
        normals[~_along_axes(np.isfinite(normals))] = 0.0
    rows = _merge(points, colors, normals, weights, last_seen, voxel_size)
    points, colors, normals, weights, last_seen = rows
    if normals is None:
        normals = estimate_normals(points)
    return SceneCloud(
        points, colors, normals, weights, last_seen, voxel_size, identity.frame_id, identity.version, identity.epoch
    )


def _along_axes(holds: np.ndarray) -> np.ndarray:
    """[N] whether all of [N, 3] hold; several times as quick as ``all(axis=1)``."""
    every: np.ndarray = holds[:, 0] & holds[:, 1] & holds[:, 2]
    return every


_Rows = tuple[np.ndarray, np.ndarray, "np.ndarray | None", np.ndarray, np.ndarray]


def _merge(
    points: np.ndarray,
    colors: np.ndarray,
    normals: np.ndarray | None,
    weights: np.ndarray,
    last_seen: np.ndarray,
    voxel_size: float,
) -> _Rows:
    """One row a voxel: weighted means, summed weights, newest sight; untouched if no voxel repeats."""
    cells = voxel_keys(points, voxel_size).astype(np.int64) + _KEY_LIMIT
    keys = (cells[:, 0] << 42) | (cells[:, 1] << 21) | cells[:, 2]
    if _all_differ(keys, np.full(power_of_two(2 * len(keys) + 1), -1, np.int32)):
        return points, colors, normals, weights, last_seen
    _, owner = np.unique(keys, return_inverse=True)
    count = int(owner.max()) + 1
    total = np.bincount(owner, weights, count)

    def mean(values: np.ndarray) -> np.ndarray:
        sums = [np.bincount(owner, weights * values[:, k], count) for k in range(values.shape[1])]
        return np.stack(sums, axis=1) / total[:, None]

    newest = np.full(count, np.iinfo(np.int64).min)
    np.maximum.at(newest, owner, last_seen)
    if normals is not None:
        normals = mean(normals)
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        normals = np.divide(normals, length, out=np.zeros_like(normals), where=length > 1e-6).astype(np.float32)
    colors = np.rint(mean(colors.astype(np.float64))).astype(np.uint8)
    return mean(points).astype(np.float32), colors, normals, total.astype(np.float32), newest


@njit(**OPTIONS)
def _all_differ(keys, table):  # type: ignore[no-untyped-def]
    """Whether no key [N] is there twice; ``table`` is -1 throughout, a power of two longer than N."""
    mask = np.int64(table.size - 1)
    for i in range(keys.size):
        h = slot(keys[i], mask)
        while table[h] >= 0:
            if keys[table[h]] == keys[i]:
                return False
            h = (h + 1) & mask
        table[h] = i
    return True
