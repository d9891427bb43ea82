"""Pixels of a depth image as points of the map frame."""

from __future__ import annotations

import numpy as np

from mllm_for3d_ros.types import Frame


def unproject(frame: Frame) -> np.ndarray:
    """Points of every pixel.

    Args:
        frame: a posed RGB-D view.

    Returns:
        [H, W, 3] float32 metres, map frame; NaN where the depth is invalid.
    """
    camera = frame.intrinsics
    z = frame.depth
    x = (np.arange(camera.width, dtype=np.float32) - np.float32(camera.cx)) / np.float32(camera.fx) * z
    y = (np.arange(camera.height, dtype=np.float32) - np.float32(camera.cy))[:, None] / np.float32(camera.fy) * z
    pose = frame.camera_to_world.astype(np.float32)
    points = np.stack([x, y, z], axis=-1) @ pose[:3, :3].T + pose[:3, 3]
    points[~(z > 0)] = np.nan
    return points
