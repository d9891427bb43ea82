"""Pairs of image messages to frames: decoded, without the robot, rectified, colour brought to the pixels of depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.nodes.conversion import stamp_ns
from mllm_for3d_ros.nodes.inputs.camera import Camera, source_pixels
from mllm_for3d_ros.nodes.inputs.decoding import Decoder
from mllm_for3d_ros.nodes.inputs.resampling import ColorTable, DepthTable
from mllm_for3d_ros.nodes.inputs.self_filter import hide_box, hide_mask
from mllm_for3d_ros.types import Frame

_ASPECT = 0.01  # by this share may the aspect ratios of colour and registered depth differ


@dataclass(frozen=True)
class Robot:
    """What of the images is the robot itself.

    mask: [H, W] bool in pixels of the depth image, or None. box: [2, 3] m, least and greatest x, y, z in
    the frame ``box_frame``, or None.
    """

    mask: np.ndarray | None = None
    box: np.ndarray | None = None
    box_frame: str = ""


class FrameReader:
    """Makes frames of messages. Colour and depth must be seen from one place: depth registered to colour.

    Args:
        color: decoder of colour messages.
        depth: decoder of depth messages.
        robot: left out of the depth.
    """

    def __init__(self, color: Decoder, depth: Decoder, robot: Robot) -> None:
        self._decode_color, self._decode_depth, self._robot = color, depth, robot
        self._tables: tuple[Camera, Camera, _Tables] | None = None

    def read(
        self,
        color: Any,
        depth: Any,
        camera: Camera,
        camera_to_map: np.ndarray,
        camera_to: Callable[[str], np.ndarray],
    ) -> Frame:
        """A frame with the stamp of colour and the size of depth.

        Args:
            color: message for its decoder.
            depth: the same.
            camera: of the colour image.
            camera_to_map: [4, 4].
            camera_to: gives the transform [4, 4] to another frame; called for the robot's box, if there is one.

        Raises:
            RecordingError: an encoding is not supported, data is missing, or sizes do not match.
        """
        rgb, metres = self._decode_color(color), self._decode_depth(depth)
        _check_sizes(rgb, metres, camera)
        if self._robot.mask is not None:
            hide_mask(metres, self._robot.mask)
        depth_camera = camera.resized(metres.shape[1], metres.shape[0])
        if camera.distortion or rgb.shape[:2] != metres.shape:
            rgb, metres = self._resample(rgb, metres, camera, depth_camera)
        if self._robot.box is not None:
            hide_box(metres, depth_camera.intrinsics, camera_to(self._robot.box_frame), self._robot.box)
        return Frame(stamp_ns(color.header.stamp), rgb, metres, depth_camera.intrinsics, camera_to_map)

    def _resample(
        self, rgb: np.ndarray, metres: np.ndarray, camera: Camera, depth_camera: Camera
    ) -> tuple[np.ndarray, np.ndarray]:
        """Both images as a pinhole camera with depth's pixels sees them."""
        if self._tables is None or self._tables[:2] != (camera, depth_camera):
            self._tables = camera, depth_camera, _Tables(camera, depth_camera)
        tables = self._tables[2]
        return tables.color.look_up(rgb), metres if tables.depth is None else tables.depth.look_up(metres)


class _Tables:
    """Where each pixel of the frame lies in the images; depth None where it stays as it is."""

    def __init__(self, camera: Camera, depth_camera: Camera) -> None:
        target, source = depth_camera.intrinsics, camera.intrinsics
        self.color = ColorTable(source_pixels(target, camera), source.width, source.height)
        self.depth: DepthTable | None = None
        if depth_camera.distortion:
            self.depth = DepthTable(source_pixels(target, depth_camera), target.width, target.height)


def _check_sizes(rgb: np.ndarray, metres: np.ndarray, camera: Camera) -> None:
    wanted = camera.intrinsics
    (height, width), (rows, columns) = rgb.shape[:2], metres.shape
    if (height, width) != (wanted.height, wanted.width):
        raise RecordingError(
            f"sizes do not match: the colour image is {width}x{height} but camera_info says "
            f"{wanted.width}x{wanted.height}; remap camera_info to that of the colour image"
        )
    if not rows or not columns or abs(columns * height / (rows * width) - 1) > _ASPECT:
        raise RecordingError(
            f"sizes do not match: the depth image is {columns}x{rows}, which has not the shape of colour's "
            f"{width}x{height}; use depth that is registered (aligned) to colour"
        )
