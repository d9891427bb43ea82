"""Depth in a wrong unit is told from the images."""

from dataclasses import replace

import numpy as np
import pytest
from rgbd_support import make_pose, wall_frame

from mllm_for3d_ros.errors import RecordingError
from mllm_for3d_ros.recording.depth_unit import DepthUnit
from mllm_for3d_ros.types import Frame, Intrinsics

CAMERA = Intrinsics(160, 120, 150.0, 150.0, 79.5, 59.5)


def corner_frame(number: int) -> Frame:
    """A camera that moves sideways before a wall at 2 m and a floor 1 m below."""
    place = 0.12 * number
    v, _ = np.mgrid[:120, :160]
    down = (v - CAMERA.cy) / CAMERA.fy
    depth = np.minimum(2.0, np.where(down > 0, 1.0 / np.maximum(down, 1e-6), np.inf))
    pose = make_pose((0, 0, 0), (0.0, 0.0, place))
    # Forward motion: the wall comes nearer, the floor stays 1 m below.
    depth = np.minimum(depth, 2.0 - place).astype(np.float32)
    return Frame(number, np.zeros((120, 160, 3), np.uint8), depth, CAMERA, pose)


def look_at_all(factor: float) -> None:
    unit = DepthUnit()
    for number in range(12):
        frame = corner_frame(number)
        unit.look(replace(frame, depth=frame.depth * np.float32(factor)))


def test_the_right_unit_passes():
    look_at_all(1.0)


@pytest.mark.parametrize("factor", [1e-3, 0.01, 0.1, 0.2, 5.0, 10.0, 1000.0])
def test_a_wrong_unit_is_refused_in_one_line(factor):
    with pytest.raises(RecordingError, match=r"wrong unit.*16UC1 must be millimetres and 32FC1 metres") as caught:
        look_at_all(factor)
    assert "\n" not in str(caught.value)


def test_a_camera_that_stands_still_gives_no_verdict_on_agreement():
    unit = DepthUnit()
    for stamp in range(40):
        unit.look(wall_frame(2.0, stamp=stamp))


def test_a_wall_that_fits_every_scale_passes():
    unit = DepthUnit()
    for stamp in range(40):
        unit.look(wall_frame(2.0, stamp=stamp, pose=make_pose((0, 0, 0), (0.15 * stamp, 0.0, 0.0))))
