"""Images looked up at other pixels than their own: colour between four pixels, depth at the nearest one."""

from __future__ import annotations

import numpy as np
from numba import njit

_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**_OPTIONS)
def resample_color(color, pixels, out):  # type: ignore[no-untyped-def]
    """Colour [H, W, 3] uint8 at ``pixels`` [h, w, 2] float32 (u, v), bilinear, into ``out`` [h, w, 3].

    Pixels outside of the image take its nearest one; those that are NaN are black.
    """
    height, width = color.shape[0], color.shape[1]
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            u, v = pixels[row, column, 0], pixels[row, column, 1]
            if not (np.isfinite(u) and np.isfinite(v)):
                out[row, column, :] = 0
                continue
            u = min(max(u, np.float32(0)), np.float32(width - 1))
            v = min(max(v, np.float32(0)), np.float32(height - 1))
            left, top = int(u), int(v)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            a, b = u - np.float32(left), v - np.float32(top)
            for c in range(3):
                upper = (1 - a) * color[top, left, c] + a * color[top, right, c]
                lower = (1 - a) * color[bottom, left, c] + a * color[bottom, right, c]
                out[row, column, c] = np.uint8((1 - b) * upper + b * lower + np.float32(0.5))


@njit(**_OPTIONS)
def resample_depth(depth, pixels, out):  # type: ignore[no-untyped-def]
    """Depth [H, W] at the pixels nearest to ``pixels`` [h, w, 2] (u, v), into ``out`` [h, w]; 0 outside of it."""
    height, width = depth.shape
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            u, v = pixels[row, column, 0] + np.float32(0.5), pixels[row, column, 1] + np.float32(0.5)
            inside = u >= 0 and v >= 0 and u < width and v < height
            out[row, column] = depth[int(v), int(u)] if inside else np.float32(0)
