"""Which points of the map does a view see, and at which pixels? Depth-tested, nearest pixel."""

from __future__ import annotations

import numpy as np
from numba import njit

from mllm_for3d_ros.types import Frame, Intrinsics

DEFAULT_TOLERANCE = 0.05
"""Metres by which a measured depth may differ from that of a point that counts as seen."""

_f32 = np.float32
_OPTIONS = {"cache": True, "nogil": True, "fastmath": {"contract", "reassoc", "arcp", "nsz"}, "error_model": "numpy"}


def _world_to_camera(camera_to_world: np.ndarray) -> np.ndarray:
    """Inverse of a rigid transform, [3, 4] float32."""
    rotation = camera_to_world[:3, :3].T
    inverse = np.empty((3, 4), dtype=np.float32)
    inverse[:, :3] = rotation
    inverse[:, 3] = -rotation @ camera_to_world[:3, 3]
    return inverse


def _pinhole(camera: Intrinsics) -> np.ndarray:
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy], dtype=np.float32)


@njit(**_OPTIONS)
def _project(points, pose, camera, uvz):  # type: ignore[no-untyped-def]
    for i in range(points.shape[0]):
        x, y, q = points[i, 0], points[i, 1], points[i, 2]
        z = pose[2, 0] * x + pose[2, 1] * y + pose[2, 2] * q + pose[2, 3]
        inverse = _f32(1) / z if z > _f32(0) else _f32(np.nan)
        uvz[0, i] = camera[0] * (pose[0, 0] * x + pose[0, 1] * y + pose[0, 2] * q + pose[0, 3]) * inverse + camera[2]
        uvz[1, i] = camera[1] * (pose[1, 0] * x + pose[1, 1] * y + pose[1, 2] * q + pose[1, 3]) * inverse + camera[3]
        uvz[2, i] = z


def project(
    points: np.ndarray, intrinsics: Intrinsics, camera_to_world: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixel coordinates and depth of points, whether or not they lie in the image or are hidden.

    Args:
        points: [N, 3] float32 metres, map frame.
        intrinsics: pinhole camera.
        camera_to_world: [4, 4] rigid transform.

    Returns:
        u, v [N] float32 pixels (NaN where the point is not in front of the camera), z [N] float32 metres.
    """
    points = np.ascontiguousarray(points, dtype=np.float32).reshape(-1, 3)
    uvz = np.empty((3, len(points)), dtype=np.float32)
    _project(points, _world_to_camera(camera_to_world), _pinhole(intrinsics), uvz)
    return uvz[0], uvz[1], uvz[2]


@njit(**_OPTIONS)
def _visible(points, pose, camera, depth, tolerance, indices, us, vs):  # type: ignore[no-untyped-def]
    height, width = depth.shape
    right, bottom = _f32(width) - _f32(0.5), _f32(height) - _f32(0.5)
    low, half = _f32(-0.5), _f32(0.5)
    count = 0
    for i in range(points.shape[0]):
        x, y, q = points[i, 0], points[i, 1], points[i, 2]
        z = pose[2, 0] * x + pose[2, 1] * y + pose[2, 2] * q + pose[2, 3]
        if not z > _f32(0):
            continue
        inverse = _f32(1) / z
        u = camera[0] * (pose[0, 0] * x + pose[0, 1] * y + pose[0, 2] * q + pose[0, 3]) * inverse + camera[2]
        if not (u >= low and u < right):
            continue
        v = camera[1] * (pose[1, 0] * x + pose[1, 1] * y + pose[1, 2] * q + pose[1, 3]) * inverse + camera[3]
        if not (v >= low and v < bottom):
            continue
        column, row = np.int32(u + half), np.int32(v + half)
        measured = depth[row, column]
        if measured > _f32(0) and abs(measured - z) <= tolerance:
            indices[count] = i
            us[count] = column
            vs[count] = row
            count += 1
    return count


def visible_pixels(
    points: np.ndarray, frame: Frame, tolerance: float = DEFAULT_TOLERANCE
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points that a frame sees; see ``visible_in_depth``."""
    return visible_in_depth(points, frame.depth, frame.intrinsics, frame.camera_to_world, tolerance)


def visible_in_depth(
    points: np.ndarray,
    depth: np.ndarray,
    intrinsics: Intrinsics,
    camera_to_world: np.ndarray,
    tolerance: float = DEFAULT_TOLERANCE,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points in front of the camera, inside the image, and as deep as the depth image says there.

    Args:
        points: [N, 3] float32 metres, map frame.
        depth: [H, W] float32 metres, 0 where invalid (a point at such a pixel is not seen).
        intrinsics: pinhole camera of ``depth``.
        camera_to_world: [4, 4] rigid transform.
        tolerance: metres by which measured and projected depth may differ.

    Returns:
        indices [M] int64 rows of ``points`` in rising order, u and v [M] int32 column and row of the
        nearest pixel.

    Raises:
        ValueError: depth does not have the size of the camera.
    """
    if depth.shape != (intrinsics.height, intrinsics.width):
        raise ValueError(f"depth must be {intrinsics.height}x{intrinsics.width} as its camera says, got {depth.shape}")
    points = np.ascontiguousarray(points, dtype=np.float32).reshape(-1, 3)
    indices = np.empty(len(points), dtype=np.int64)
    us = np.empty(len(points), dtype=np.int32)
    vs = np.empty(len(points), dtype=np.int32)
    pose, camera = _world_to_camera(camera_to_world), _pinhole(intrinsics)
    depth = np.ascontiguousarray(depth, dtype=np.float32)
    count = _visible(points, pose, camera, depth, _f32(tolerance), indices, us, vs)
    return indices[:count].copy(), us[:count].copy(), vs[:count].copy()


def warm_up() -> None:
    """Compile (or load from the cache) the kernels of this module."""
    camera = Intrinsics(2, 2, 2.0, 2.0, 0.5, 0.5)
    points = np.array([[0.0, 0.0, 1.0]], dtype=np.float32)
    project(points, camera, np.eye(4))
    visible_in_depth(points, np.ones((2, 2), dtype=np.float32), camera, np.eye(4))
