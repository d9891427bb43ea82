"""Leaves the robot's own body out of the depth: a box in one of its frames, or a mask image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numba import njit

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.images import open_image
from mllm_for3d_ros.types import Intrinsics


@njit(cache=True, nogil=True, error_model="numpy")
def _hide_box(depth, camera, camera_to_box, low, high):  # type: ignore[no-untyped-def]
    height, width = depth.shape
    fx, fy, cx, cy = camera
    m = camera_to_box
    for v in range(height):
        y = (v - cy) / fy
        for u in range(width):
            z = depth[v, u]
            if not z > 0:
                continue
            x = (u - cx) / fx
            inside = True
            for axis in range(3):
                p = (m[axis, 0] * x + m[axis, 1] * y + m[axis, 2]) * z + m[axis, 3]
                inside = inside and low[axis] <= p and p <= high[axis]
            if inside:
                depth[v, u] = 0


def hide_box(depth: np.ndarray, camera: Intrinsics, camera_to_box: np.ndarray, box: np.ndarray) -> None:
    """Set depth to 0, in place, where its point lies in a box.

    Args:
        depth: [H, W] float32 m.
        camera: of the depth.
        camera_to_box: [4, 4], to the frame that the box is given in.
        box: [2, 3] m: least and greatest x, y, z.
    """
    values = (camera.fx, camera.fy, camera.cx, camera.cy)
    _hide_box(depth, values, camera_to_box[:3].astype(np.float64), *box.astype(np.float64))


def read_mask(path: Path) -> np.ndarray:
    """[H, W] bool: where a mask image is not black.

    Raises:
        RecordingError: the file cannot be read, or is no image.
    """
    try:
        pixels = open_image(path.read_bytes(), str(path))
    except OSError as error:
        raise RecordingError(f"the mask of the robot cannot be read ({error}): check self_filter_mask") from error
    return np.asarray(np.atleast_3d(pixels)[:, :, :3].any(axis=2))


def hide_mask(depth: np.ndarray, mask: np.ndarray) -> None:
    """Set depth [H, W] to 0, in place, where the mask is True.

    Raises:
        RecordingError: the mask has another size.
    """
    if mask.shape != depth.shape:
        sizes = [f"{image.shape[1]}x{image.shape[0]}" for image in (mask, depth)]
        raise RecordingError(f"self_filter_mask is {sizes[0]} but depth is {sizes[1]}: make a mask of depth's size")
    depth[mask] = 0
