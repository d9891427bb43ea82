"""Images looked up at other pixels than their own: colour between four pixels, depth at the nearest one.

Where to look is worked out once (``ColorTable``, ``DepthTable``) and used for every image of a camera.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_ONE = 256  # weights are whole numbers of this part
_OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


class ColorTable:
    """Bilinear look-up in [H, W, 3] uint8 images; black where ``pixels`` are NaN, the rim's colour beyond the rim.

    Args:
        pixels: [h, w, 2] u, v in the image.
        width, height: of the image, at least 2.
    """

    def __init__(self, pixels: np.ndarray, width: int, height: int) -> None:
        self._known = np.isfinite(pixels).all(axis=2)
        limit = np.array([width - 1, height - 1])
        inside = np.clip(np.where(self._known[:, :, None], pixels, 0), 0, limit)
        corner = np.minimum(np.floor(inside), limit - 1).astype(np.int32)
        self._weights = np.rint((inside - corner) * _ONE).astype(np.int32)
        self._first = np.where(self._known, corner[:, :, 1] * width + corner[:, :, 0], -1).astype(np.int32)
        self._width = width

    def look_up(self, color: np.ndarray) -> np.ndarray:
        """[h, w, 3] uint8 of an image [H, W, 3]."""
        out = np.empty((*self._first.shape, 3), np.uint8)
        flat = np.ascontiguousarray(color).reshape(-1, 3)
        _bilinear(flat, self._width, self._first.reshape(-1), self._weights.reshape(-1, 2), out.reshape(-1, 3))
        return out


class DepthTable:
    """Nearest-neighbour look-up in [H, W] images; 0 where ``pixels`` are NaN or outside.

    Args:
        pixels: [h, w, 2] u, v in the image.
        width, height: of the image.
    """

    def __init__(self, pixels: np.ndarray, width: int, height: int) -> None:
        nearest = np.floor(pixels + np.float32(0.5))
        u, v = nearest[:, :, 0], nearest[:, :, 1]
        inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
        self._index = np.where(inside, v, 0).astype(np.int64) * width + np.where(inside, u, 0).astype(np.int64)
        self._outside = ~inside

    def look_up(self, depth: np.ndarray) -> np.ndarray:
        """[h, w] of an image [H, W]."""
        out = depth.reshape(-1)[self._index]
        out[self._outside] = 0
        return out


@njit(**_OPTIONS)
def _bilinear(color, width, first, weights, out):  # type: ignore[no-untyped-def]
    for i in range(first.size):
        k = first[i]
        if k < 0:
            out[i, :] = 0
            continue
        a, b = weights[i, 0], weights[i, 1]
        w11, w01, w10 = a * b, a * (_ONE - b), (_ONE - a) * b
        w00 = _ONE * _ONE - w11 - w01 - w10
        below = k + width
        for c in range(3):
            total = w00 * color[k, c] + w01 * color[k + 1, c] + w10 * color[below, c] + w11 * color[below + 1, c]
            out[i, c] = np.uint8((total + _ONE * _ONE // 2) // (_ONE * _ONE))
