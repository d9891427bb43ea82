"""ROS image messages to arrays; works on messages of rosbags and of rclpy alike."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.types import Intrinsics

COLOR_ENCODINGS = ("rgb8", "bgr8", "rgba8", "bgra8", "mono8", "8UC1", "8UC3")
DEPTH_ENCODINGS = ("16UC1", "mono16", "32FC1")
_CHANNELS = {"rgb8": 3, "bgr8": 3, "8UC3": 3, "rgba8": 4, "bgra8": 4, "mono8": 1, "8UC1": 1}
_COMPRESSED_DEPTH_HEADER = 12

MILLIMETRE = np.float32(1e-3)


def _rows(message: Any, item: np.dtype, channels: int) -> np.ndarray:
    """Pixels [H, W * channels] of an Image message, without the padding of its rows."""
    height, width, step = int(message.height), int(message.width), int(message.step)
    row_bytes = width * channels * item.itemsize
    data = np.frombuffer(message.data, dtype=np.uint8)
    if step < row_bytes or len(data) < step * height:
        raise RecordingError(
            f"an image of {width}x{height} {message.encoding} needs {row_bytes * height} bytes but has {len(data)} "
            f"(step {step}): its publisher fills width, height, step or data wrongly"
        )
    rows = data[: step * height].reshape(height, step)[:, :row_bytes]
    pixels = np.ascontiguousarray(rows).view(item.newbyteorder(">" if message.is_bigendian else "<"))
    return pixels.astype(item, copy=False)


def decode_color(message: Any) -> np.ndarray:
    """Colour of a sensor_msgs Image.

    Returns:
        [H, W, 3] uint8 RGB.

    Raises:
        RecordingError: the encoding is not one of ``COLOR_ENCODINGS``, or the data is too short.
    """
    encoding = message.encoding
    if encoding not in _CHANNELS:
        raise RecordingError(
            f"colour encoding {encoding!r} is not supported: publish or convert to one of {', '.join(COLOR_ENCODINGS)}"
        )
    channels = _CHANNELS[encoding]
    pixels = _rows(message, np.dtype(np.uint8), channels).reshape(message.height, message.width, channels)
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    rgb = pixels[:, :, 2::-1] if encoding in ("bgr8", "bgra8", "8UC3") else pixels[:, :, :3]
    return np.ascontiguousarray(rgb)


def clean_depth(depth: np.ndarray) -> np.ndarray:
    """Float32 metres of uint16 millimetres or float metres; 0 where not finite or not positive."""
    if depth.dtype == np.uint16:
        return depth.astype(np.float32) * MILLIMETRE
    depth = np.array(depth, dtype=np.float32)
    depth[~(np.isfinite(depth) & (depth > 0))] = 0
    return depth


def decode_depth(message: Any) -> np.ndarray:
    """Depth of a sensor_msgs Image: 16UC1 in millimetres or 32FC1 in metres (REP-118).

    Returns:
        [H, W] float32 metres, 0 where invalid.

    Raises:
        RecordingError: the encoding is not one of ``DEPTH_ENCODINGS``, or the data is too short.
    """
    if message.encoding not in DEPTH_ENCODINGS:
        raise RecordingError(
            f"depth encoding {message.encoding!r} is not supported: publish or convert to one of "
            f"{', '.join(DEPTH_ENCODINGS)}"
        )
    item = np.dtype(np.float32 if message.encoding == "32FC1" else np.uint16)
    return clean_depth(_rows(message, item, 1))


def open_image(data: bytes, name: str) -> np.ndarray:
    """Pixels of a JPEG or PNG file as PIL sees them; ``name`` is for the error.

    Raises:
        RecordingError: the data is no image, cut short, or says that it is of a size that no camera has.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode in ("P", "CMYK", "YCbCr", "LA"):
                return np.asarray(image.convert("RGB"))
            return np.asarray(image)
    except UnidentifiedImageError as error:
        raise RecordingError(f"{name} is not a readable image (no known format): record or copy it again") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise RecordingError(f"{name} is not a readable image ({error}): record or copy it again") from error


def as_rgb(pixels: np.ndarray, name: str) -> np.ndarray:
    """[H, W, 3] uint8 of a decoded colour or grey 8-bit image."""
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3):
        raise RecordingError(f"{name} is not an 8-bit colour image ({pixels.dtype}): convert it to RGB JPEG or PNG")
    if pixels.ndim == 2:
        return np.repeat(pixels[:, :, None], 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, :3])


def as_depth(pixels: np.ndarray, name: str) -> np.ndarray:
    """[H, W] float32 metres of a decoded 16-bit image in millimetres."""
    return clean_depth(_sixteen_bits(pixels, name))


def _sixteen_bits(pixels: np.ndarray, name: str) -> np.ndarray:
    if pixels.ndim != 2 or pixels.dtype not in (np.uint16, np.int32):
        raise RecordingError(f"{name} is not a 16-bit grey image: depth must be a 16-bit PNG")
    return pixels.astype(np.uint16)


def decode_compressed_color(message: Any) -> np.ndarray:
    """Colour of a sensor_msgs CompressedImage (JPEG or PNG), [H, W, 3] uint8 RGB."""
    name = f"a compressed colour image ({message.format})"
    return as_rgb(open_image(bytes(message.data), name), name)


def decode_compressed_depth(message: Any) -> np.ndarray:
    """Depth of a sensor_msgs CompressedImage: PNG, bare or with the header of compressedDepth.

    Returns:
        [H, W] float32 metres, 0 where invalid.

    Raises:
        RecordingError: not a 16-bit PNG (RVL is not supported).
    """
    name = f"a compressed depth image ({message.format})"
    data = bytes(message.data)
    if "compressedDepth" not in message.format:
        return as_depth(open_image(data, name), name)
    if "rvl" in message.format.lower():
        raise RecordingError(f"compressed depth {message.format!r} is not supported: use compressedDepth png, or raw")
    pixels = open_image(data[_COMPRESSED_DEPTH_HEADER:], name)
    if "32FC1" not in message.format:
        return as_depth(pixels, name)
    # Metres are quantized as their inverse; the header holds the two parameters of that.
    _, scale, offset = struct.unpack("<iff", data[:_COMPRESSED_DEPTH_HEADER])
    inverse = _sixteen_bits(pixels, name).astype(np.float32)
    with np.errstate(divide="ignore"):
        metres = scale / (inverse - np.float32(offset))
    return clean_depth(np.where(inverse > 0, metres, 0))


def decode_camera_info(message: Any) -> Intrinsics:
    """Pinhole camera of a sensor_msgs CameraInfo (distortion is left out: use rectified images).

    Raises:
        RecordingError: the camera is not calibrated (K is zero).
    """
    k = np.asarray(message.k if hasattr(message, "k") else message.K, dtype=np.float64).reshape(3, 3)
    if not np.isfinite(k).all() or k[0, 0] <= 0 or k[1, 1] <= 0 or message.width <= 0 or message.height <= 0:
        raise RecordingError(
            "camera_info holds no calibration (K or the size is zero): calibrate the camera or name another topic"
        )
    fx, fy, cx, cy = (float(k[i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
    return Intrinsics(int(message.width), int(message.height), fx, fy, cx, cy)
