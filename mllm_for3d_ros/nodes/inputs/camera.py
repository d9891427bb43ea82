"""The camera that a CameraInfo message describes, and which pixels of its images a pinhole camera sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.images import decode_camera_info
from mllm_for3d_ros.types import Intrinsics

_MODELS = {"": 14, "plumb_bob": 5, "rational_polynomial": 14}
"""Distortion models (REP-104) that are rectified, and the most coefficients they have; 8 of them are used."""
_USED = 8
_FISHEYE = ("equidistant", "fisheye")  # no pinhole cameras even where all coefficients are zero
_WIDEST = 4.0  # tangent of 76 degrees from the axis


@dataclass(frozen=True)
class Camera:
    """A pinhole camera and the distortion of its images: k1 k2 p1 p2 k3 k4 k5 k6, () if they have none."""

    intrinsics: Intrinsics
    distortion: tuple[float, ...] = ()

    def resized(self, width: int, height: int) -> Camera:
        """The same camera with images of another size."""
        return Camera(self.intrinsics.resized(width, height), self.distortion)


def read_camera(message: Any, rectified: bool) -> Camera:
    """The camera of a CameraInfo message.

    Args:
        message: sensor_msgs/CameraInfo.
        rectified: the images that go with it are rectified already; the projection matrix P holds then, and the
            distortion is that of other images.

    Raises:
        RecordingError: no calibration, or a distortion model that is not supported.
    """
    intrinsics = decode_camera_info(message)
    if rectified:
        p = np.asarray(message.p, dtype=np.float64).reshape(3, 4)
        if np.isfinite(p).all() and p[0, 0] > 0 and p[1, 1] > 0:
            fx, fy, cx, cy = (float(p[i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
            intrinsics = Intrinsics(intrinsics.width, intrinsics.height, fx, fy, cx, cy)
        return Camera(intrinsics)
    d = np.asarray(message.d, dtype=np.float64)
    model = message.distortion_model
    if not d.any() and model not in _FISHEYE:
        return Camera(intrinsics)
    if model not in _MODELS or len(d) > _MODELS[model] or not np.isfinite(d).all() or d[_USED:].any():
        raise RecordingError(
            f"camera_info has distortion model {model!r} with {len(d)} coefficients, which is not supported: rectify "
            "the images with image_proc and remap to them, or calibrate as plumb_bob or rational_polynomial"
        )
    coefficients = np.zeros(_USED)
    coefficients[: min(len(d), _USED)] = d[:_USED]
    return Camera(intrinsics, tuple(coefficients.tolist()))


def source_pixels(target: Intrinsics, source: Camera) -> np.ndarray:
    """Where the rays of a pinhole camera meet the image of another one with the same optical centre and axes.

    Args:
        target: the pinhole camera, [H, W] pixels.
        source: the camera of the image that is there.

    Returns:
        [H, W, 2] float32 u, v in the source's image; NaN where the distortion folds back.

    Source: the plumb bob and rational polynomial models of REP-104 and OpenCV.
    """
    v, u = np.mgrid[0 : target.height, 0 : target.width]
    x, y = (u - target.cx) / target.fx, (v - target.cy) / target.fy
    if source.distortion:
        p1, p2 = source.distortion[2:4]
        r2 = x * x + y * y
        radial = _radial(r2, source.distortion)
        outside = np.sqrt(r2) > _turn(source.distortion)
        xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
        yd = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
        x, y = np.where(outside, np.nan, xd), np.where(outside, np.nan, yd)
    camera = source.intrinsics
    return np.stack([x * camera.fx + camera.cx, y * camera.fy + camera.cy], axis=2).astype(np.float32)


def _radial(r2: np.ndarray, distortion: tuple[float, ...]) -> np.ndarray:
    """By how much a ray's distance from the axis is scaled; r2: square of its tangent."""
    k1, k2, _, _, k3, k4, k5, k6 = distortion
    return (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))


def _turn(distortion: tuple[float, ...]) -> float:
    """Tangent of the angle from the axis at which the polynomials turn back; rays beyond share pixels with others."""
    radii = np.linspace(0.0, _WIDEST, 1000)
    falling = np.diff(radii * _radial(radii**2, distortion)) <= 0
    return float(radii[np.argmax(falling)]) if falling.any() else np.inf
