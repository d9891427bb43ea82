"""What the depth and the pose of a view say of its shapes: the second input of the compact teacher.

Every cell of the output grid (60x80) gets whether its depth is known, depth, height in the map and the
surface normal in a level frame of the view, so that a seat is a level patch half a metre up in any colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mllm_for3d_ros.types import Frame, Intrinsics

CHANNELS = 6
"""Known (0 or 1); depth / 4 m; height above z = 0 of the map / 1.5 m; normal to the right, up and ahead."""
GRID = (60, 80)
_DEPTH_SCALE, _HEIGHT_SCALE = 4.0, 1.5
_HEIGHTS = (-1.0, 4.0)
"""Heights m are cut to this range: z = 0 need not be the floor in every map."""
_LEAST_UP = 1e-3


def depth_cells(depth: np.ndarray) -> np.ndarray:
    """Mean of the valid depths in every cell of the grid: [..., H, W] float m to [..., 60, 80] float32, 0 of none.

    H and W need not be multiples of the grid's.
    """
    rows, columns = (_starts(side, cells) for side, cells in zip(depth.shape[-2:], GRID, strict=True))
    valid = (depth > 0).astype(np.float32)

    def total(values: np.ndarray) -> np.ndarray:
        summed = np.add.reduceat(np.add.reduceat(values, rows, axis=-2), columns, axis=-1)
        return summed.astype(np.float32)

    count = total(valid)
    return np.divide(total(depth * valid), count, out=np.zeros_like(count), where=count > 0)


def geometry(cells: np.ndarray, intrinsics: Intrinsics, camera_to_world: np.ndarray) -> np.ndarray:
    """Geometry of views that share a camera.

    Args:
        cells: [B, 60, 80] float32 m from ``depth_cells``.
        intrinsics: of the whole image.
        camera_to_world: [B, 4, 4] poses in a map whose z axis points up.

    Returns:
        [B, 6, 60, 80] float32, see ``CHANNELS``; all 0 where the depth is unknown.
    """
    known = cells > 0
    points = _rays(intrinsics)[None] * cells[..., None]
    axes = _level_axes(camera_to_world)
    heights = np.einsum("bhwc,bc->bhw", points, axes[:, 1]) + camera_to_world[:, 2, 3].astype(np.float32)[:, None, None]
    normals = np.einsum("bhwc,bkc->bkhw", _normals(points, known), axes)
    channels = [np.ones_like(cells), cells / _DEPTH_SCALE, heights.clip(*_HEIGHTS) / _HEIGHT_SCALE]
    result: np.ndarray = np.concatenate([np.stack(channels, 1), normals], 1) * known[:, None]
    return result.astype(np.float32)


def geometry_of(frames: Sequence[Frame]) -> np.ndarray:
    """[B, 6, 60, 80] float32 of ``frames``."""
    views = [
        geometry(depth_cells(frame.depth)[None], frame.intrinsics, frame.camera_to_world[None]) for frame in frames
    ]
    return np.concatenate(views) if views else np.zeros((0, CHANNELS, *GRID), np.float32)


def mirrored(channels: np.ndarray) -> np.ndarray:
    """Geometry [..., 6, h, w] of the mirror image (left for right)."""
    result = channels[..., ::-1].copy()
    result[..., 3, :, :] *= -1
    return result


def _starts(side: int, cells: int) -> np.ndarray:
    """First row (or column) of every cell."""
    return np.linspace(0, side, cells, endpoint=False).astype(int)


def _rays(intrinsics: Intrinsics) -> np.ndarray:
    """[60, 80, 3] float32 directions with z 1 through the middles of the cells."""
    v = (np.arange(GRID[0]) + 0.5) * intrinsics.height / GRID[0] - 0.5
    u = (np.arange(GRID[1]) + 0.5) * intrinsics.width / GRID[1] - 0.5
    x, y = np.meshgrid((u - intrinsics.cx) / intrinsics.fx, (v - intrinsics.cy) / intrinsics.fy)
    return np.stack([x, y, np.ones_like(x)], -1).astype(np.float32)


def _level_axes(camera_to_world: np.ndarray) -> np.ndarray:
    """[B, 3, 3] float32: right, up and ahead of a level frame as rows, in camera coordinates (x right, z ahead)."""
    up = camera_to_world[:, 2, :3]
    ahead = np.array([0.0, 0.0, 1.0]) - up[:, 2:] * up
    backup = np.array([0.0, -1.0, 0.0]) - up[:, 1:2] * -up  # straight up or down: the image's top is ahead
    flat = np.linalg.norm(ahead, axis=1, keepdims=True) < _LEAST_UP
    ahead = np.where(flat, backup, ahead)
    ahead = ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), _LEAST_UP)
    return np.stack([np.cross(ahead, up), up, ahead], 1).astype(np.float32)


def _normals(points: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[B, h, w, 3] unit normals towards the camera from differences of neighbours, 0 where one is unknown."""
    across, down = np.zeros_like(points), np.zeros_like(points)
    across[:, :, 1:-1] = points[:, :, 2:] - points[:, :, :-2]
    down[:, 1:-1] = points[:, 2:] - points[:, :-2]
    complete = np.zeros_like(known)
    complete[:, 1:-1, 1:-1] = (
        known[:, 1:-1, 2:] & known[:, 1:-1, :-2] & known[:, 2:, 1:-1] & known[:, :-2, 1:-1] & known[:, 1:-1, 1:-1]
    )
    normals = np.cross(down, across)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    unit = np.divide(normals, length, out=np.zeros_like(normals), where=complete[..., None] & (length > 1e-9))
    away = np.einsum("bhwc,bhwc->bhw", unit, points) > 0
    unit[away] *= -1
    return unit
