"""Image messages to colour and depth, raw or compressed; encodings that we do not know go through cv_bridge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.nodes.ros_parts import find_part
from mllm_for3d_ros.recording.images import (
    COLOR_ENCODINGS,
    decode_color,
    decode_compressed_color,
    decode_compressed_depth,
    decode_depth,
)

Decoder = Callable[[Any], np.ndarray]

TRANSPORTS = ("raw", "compressed", "compressedDepth")
"""Names of image_transport; all but raw are also what its topics end with."""


class ColorDecoder:
    """[H, W, 3] uint8 RGB of sensor_msgs Images.

    Encodings of ours are read without a copy where that can be; others (bayer, yuv422, rgb16, ...) need cv_bridge.

    Args:
        say: told of a cv_bridge that is there but broken.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        module = find_part("cv_bridge", say)
        self._bridge = None if module is None else module.CvBridge()

    def __call__(self, message: Any) -> np.ndarray:
        """Decode one.

        Raises:
            RecordingError: not an image that can be decoded.
        """
        if self._bridge is None or message.encoding in COLOR_ENCODINGS:
            return decode_color(message)
        try:
            return np.ascontiguousarray(self._bridge.imgmsg_to_cv2(message, "rgb8"))
        except Exception as error:  # cv_bridge raises its own, OpenCV's and built-in ones
            raise RecordingError(f"cv_bridge cannot make rgb8 of {message.encoding!r} ({error})") from error


def color_decoder(transport: str, say: Callable[[str], object]) -> Decoder:
    """What decodes colour that comes by a transport; ``say`` as in ``ColorDecoder``."""
    return ColorDecoder(say) if transport == "raw" else decode_compressed_color


def depth_decoder(transport: str) -> Decoder:
    """What decodes depth, to [H, W] float32 m with 0 where invalid."""
    return decode_depth if transport == "raw" else decode_compressed_depth
