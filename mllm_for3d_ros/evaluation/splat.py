"""Draws a voxel cloud without GPU or display: every voxel is a small disc that lies in its surface.

Discs that face away from the viewer are not drawn. Surfaces are seen from inside the room when they
are mapped, so walls in front and the ceiling vanish, and one looks into the room.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from mllm_for3d_ros.types import SceneCloud

DISC_RADIUS = 0.85
"""Radius of a disc in voxel edges: neighbouring discs overlap."""

SMOOTHING_CELL = 3
"""Edge in voxels of the cells over which normals are averaged before drawing."""

_NEAR = 0.05
_FIT_POINTS = 20_000
_MAX_PIXELS = 40
_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


@dataclass(frozen=True)
class Viewpoint:
    """A pinhole view: camera_from_world [3, 4] float64 (x right, y down, z forward), pixels of focal length, size."""

    camera_from_world: np.ndarray
    focal: float
    width: int
    height: int
    center: tuple[float, float]

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels [N, 2] and depth [N] m of world points [N, 3]."""
        local = points @ self.camera_from_world[:, :3].T + self.camera_from_world[:, 3]
        depth = np.maximum(local[:, 2], _NEAR)
        return local[:, :2] / depth[:, None] * self.focal + np.array(self.center), local[:, 2]


@dataclass(frozen=True)
class Drawing:
    """Pixels: color [H, W, 3] float32 0..255, share [H, W] float32 0..1 of the mask, depth [H, W] float32 m or inf."""

    color: np.ndarray
    share: np.ndarray
    depth: np.ndarray


def look_at(
    target: np.ndarray, azimuth: float, elevation: float, distance: float, focal: float, size: tuple[int, int]
) -> Viewpoint:
    """The view from ``distance`` m towards ``target``.

    Args:
        target: [3] m, shown at the middle of the image.
        azimuth: rad, direction from the target to the viewer about z.
        elevation: rad above the horizon, up to straight above (where image up is away from the azimuth).
        distance: m from the viewer to the target.
        focal: pixels.
        size: width and height in pixels.
    """
    ca, sa, ce, se = np.cos(azimuth), np.sin(azimuth), np.cos(elevation), np.sin(elevation)
    forward = -np.array([ca * ce, sa * ce, se])
    right = np.array([-sa, ca, 0.0])
    rotation = np.stack([right, np.cross(forward, right), forward])
    shift = -rotation @ (np.asarray(target, np.float64) - distance * forward)
    return Viewpoint(np.column_stack([rotation, shift]), focal, *size, (size[0] / 2, size[1] / 2))


def fit_view(
    points: np.ndarray,
    azimuth: float,
    elevation: float,
    size: tuple[int, int],
    field: float = 0.6,
    margin: float = 0.94,
) -> Viewpoint:
    """A view that just holds ``points`` but for the outermost half percent.

    Args:
        points: [N, 3] m.
        azimuth: rad, as in ``look_at``.
        elevation: rad, as in ``look_at``.
        size: width and height in pixels.
        field: rad that the smaller side of the image spans.
        margin: share of the image to fill.
    """
    points = points[:: 1 + len(points) // _FIT_POINTS]
    focal = min(size) / 2 / np.tan(field / 2)
    low, high = np.quantile(points, [0.005, 0.995], axis=0)
    view = look_at((low + high) / 2, azimuth, elevation, 2.0 * float(np.linalg.norm(high - low)) + 0.5, focal, size)
    pixels, _ = view.project(points)
    left, right = np.quantile(pixels, [0.005, 0.995], axis=0)
    scale = margin * float((np.array(size) / np.maximum(right - left, 1e-6)).min())
    middle = (left + right) / 2 - np.array(size) / 2
    center = np.array(size) / 2 - middle * scale
    return Viewpoint(view.camera_from_world, focal * scale, *size, (float(center[0]), float(center[1])))


def tidied(cloud: SceneCloud) -> tuple[SceneCloud, np.ndarray]:
    """The cloud as it is drawn: normals lean to the mean of their surroundings, so that noise does not pierce walls.

    Returns:
        the cloud with calmer normals, and [N] bool the voxels that are no stray points (alone and hardly observed).
    """
    mean, crowd = np.zeros((len(cloud), 3)), np.zeros(len(cloud), np.int64)
    edge = SMOOTHING_CELL * cloud.voxel_size
    for shift in (0.0, 0.5):
        cells = np.floor(cloud.points.astype(np.float64) / edge + shift).astype(np.int64)
        cells -= cells.min(0, initial=0)
        spans = cells.max(0, initial=0) + 1
        _, member = np.unique(np.ravel_multi_index(tuple(cells.T), tuple(spans)), return_inverse=True)
        crowd = np.maximum(crowd, np.bincount(member)[member])
        for axis in range(3):
            mean[:, axis] += np.bincount(member, cloud.normals[:, axis] * cloud.weights)[member]
    leaning = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9) + 0.4 * cloud.normals
    leaning /= np.maximum(np.linalg.norm(leaning, axis=1, keepdims=True), 1e-9)
    kept = (crowd >= SMOOTHING_CELL + 2) | (cloud.weights > 0.1 * np.median(cloud.weights))
    return replace(cloud, normals=leaning.astype(np.float32)), kept


def subset(cloud: SceneCloud, rows: np.ndarray) -> SceneCloud:
    """The voxels ``rows`` (bool or indices) of a cloud."""
    return replace(
        cloud,
        points=cloud.points[rows],
        colors=cloud.colors[rows],
        normals=cloud.normals[rows],
        weights=cloud.weights[rows],
        last_seen_ns=cloud.last_seen_ns[rows],
    )


def facing(cloud: SceneCloud, view: Viewpoint) -> np.ndarray:
    """[N] bool: voxels whose surface is turned to the viewer, or of unknown direction."""
    viewer = -view.camera_from_world[:, :3].T @ view.camera_from_world[:, 3]
    return (cloud.normals * (cloud.points - viewer.astype(np.float32))).sum(1) <= 0


def draw(cloud: SceneCloud, colors: np.ndarray, share: np.ndarray, view: Viewpoint) -> Drawing:
    """Draw the cloud.

    Args:
        cloud: the map.
        colors: [N, 3] float32 0..255, already shaded.
        share: [N] float32 0..1, how far each voxel belongs to the mask.
        view: where from.
    """
    depth = np.full((view.height, view.width), np.inf, dtype=np.float32)
    total = np.zeros((view.height, view.width, 5), dtype=np.float32)
    radius = np.float32(DISC_RADIUS * cloud.voxel_size)
    matrix, camera = view.camera_from_world.astype(np.float32), np.array([view.focal, *view.center], np.float32)
    values = np.column_stack([colors, share, _trust(cloud)]).astype(np.float32)
    for paint in (False, True):
        _splat(cloud.points, cloud.normals, values, matrix, camera, radius, paint, depth, total)
    weight = np.maximum(total[..., 4:], np.float32(1e-6))
    return Drawing(total[..., :3] / weight, total[..., 3] / weight[..., 0], depth)


def _trust(cloud: SceneCloud) -> np.ndarray:
    """[N] float32 0.05..1: how much a voxel counts where discs overlap; stray voxels count little."""
    usual = max(float(np.median(cloud.weights)), 1e-9) if len(cloud) else 1.0
    return np.clip(cloud.weights / usual, 0.05, 1.0)


def visible(cloud: SceneCloud, view: Viewpoint) -> np.ndarray:
    """[N] bool: voxels that ``draw`` shows in that view."""
    depth = np.full((view.height, view.width), np.inf, dtype=np.float32)
    total = np.zeros((1, 1, 5), dtype=np.float32)
    radius = np.float32(DISC_RADIUS * cloud.voxel_size)
    matrix, camera = view.camera_from_world.astype(np.float32), np.array([view.focal, *view.center], np.float32)
    values = np.zeros((len(cloud), 5), np.float32)
    _splat(cloud.points, cloud.normals, values, matrix, camera, radius, False, depth, total)
    pixels, z = view.project(cloud.points)
    u, v = np.floor(pixels + 0.5).astype(np.int64).T
    inside = (u >= 0) & (v >= 0) & (u < view.width) & (v < view.height) & (z > _NEAR)
    inside &= facing(cloud, view)
    shown = np.zeros(len(cloud), dtype=bool)
    shown[inside] = z[inside] <= depth[v[inside], u[inside]] + 2 * radius
    return shown


@njit(**_OPTIONS)
def _splat(points, normals, values, matrix, camera, radius, paint, depth, total):  # type: ignore[no-untyped-def]
    """First pass (``paint`` False): nearest depth of each pixel. Second: colours of the discs near to it."""
    height, width = depth.shape
    local = np.empty(3, np.float32)
    normal = np.empty(3, np.float32)
    for i in range(points.shape[0]):
        for k in range(3):
            local[k] = matrix[k, 3]
            normal[k] = 0.0
            for j in range(3):
                local[k] += matrix[k, j] * points[i, j]
                normal[k] += matrix[k, j] * normals[i, j]
        z = local[2]
        if z < _NEAR or normal[0] * local[0] + normal[1] * local[1] + normal[2] * z > 0:
            continue
        per_metre = camera[0] / z
        u, v = local[0] * per_metre + camera[1], local[1] * per_metre + camera[2]
        reach = min(radius * per_metre, _MAX_PIXELS)
        first_column, last_column = max(0, int(u - reach)), min(width - 1, int(u + reach + 1))
        first_row, last_row = max(0, int(v - reach)), min(height - 1, int(v + reach + 1))
        tilt = normal[2] if normal[2] < -0.2 else np.float32(-0.2)
        for row in range(first_row, last_row + 1):
            dy = (row - v) / per_metre
            for column in range(first_column, last_column + 1):
                dx = (column - u) / per_metre
                dz = -(normal[0] * dx + normal[1] * dy) / tilt
                distance = dx * dx + dy * dy + dz * dz
                if distance > radius * radius:
                    continue
                if not paint:
                    depth[row, column] = min(depth[row, column], z + dz)
                elif z + dz <= depth[row, column] + radius:
                    weight = values[i, 4] * (np.float32(1.05) - distance / (radius * radius))
                    for k in range(4):
                        total[row, column, k] += weight * values[i, k]
                    total[row, column, 4] += weight
