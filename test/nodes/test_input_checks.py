"""What is said of a camera's messages."""

import numpy as np
import pytest
from ros_stand_ins import CvBridge, hide, install
from sensor_msgs.msg import CameraInfo

from mllm_for3d_ros.doctor.finding import Level
from mllm_for3d_ros.nodes import input_checks
from mllm_for3d_ros.nodes.conversion import header_message, image_message
from mllm_for3d_ros.nodes.input_checks import Heard

NOW = 1_700_000_000_000_000_000
K = [500.0, 0.0, 319.5, 0.0, 500.0, 239.5, 0.0, 0.0, 1.0]
COLOR = np.zeros((480, 640, 3), np.uint8)
DEPTH = np.full((480, 640), 2.0, np.float32)


def heard(pixels: np.ndarray, encoding: str, frame: str = "camera", delay_s: float = 0.01) -> Heard:
    result = Heard("/camera/topic")
    for n in range(10):
        stamp = NOW + n * 33_000_000
        result.take(image_message(pixels, encoding, header_message(frame, stamp)), stamp + round(delay_s * 1e9))
    return result


@pytest.mark.parametrize(
    ("delay_s", "rate", "level"),
    [(0.02, 30.0, Level.OK), (0.02, 1.0, Level.WARNING), (0.8, 30.0, Level.WARNING), (1e6, 30.0, Level.ERROR)],
)
def test_stamps(delay_s: float, rate: float, level: Level) -> None:
    assert input_checks.check_stamps(heard(COLOR, "rgb8", delay_s=delay_s), rate).level is level


def test_colour() -> None:
    finding = input_checks.check_color(heard(COLOR, "rgb8"))
    assert finding.level is Level.OK and "rgb8, 640x480" in finding.found
    wrong = input_checks.check_color(heard(COLOR, "yuv422"))
    assert wrong.level is Level.ERROR and "yuv422" in wrong.found and "rgb8" in wrong.remedy


def test_colour_that_cv_bridge_can_read_is_as_good_as_for_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "cv_bridge", CvBridge)
    grey = heard(COLOR[:, :, 0], "bayer_rggb8")
    assert input_checks.check_color(grey).level is Level.OK
    hide(monkeypatch, "cv_bridge")
    assert input_checks.check_color(grey).level is Level.ERROR


@pytest.mark.parametrize(
    ("pixels", "encoding", "level", "said"),
    [
        (DEPTH, "32FC1", Level.OK, "median 2.00 m"),
        ((1000 * DEPTH).astype(np.uint16), "16UC1", Level.OK, "median 2.00 m"),
        (1000 * DEPTH, "32FC1", Level.ERROR, "not in metres"),
        (np.full_like(DEPTH, np.nan), "32FC1", Level.WARNING, "0% of it valid"),
        (COLOR, "rgb8", Level.ERROR, "rgb8"),
    ],
)
def test_depth(pixels: np.ndarray, encoding: str, level: Level, said: str) -> None:
    finding = input_checks.check_depth(heard(pixels, encoding))
    assert finding.level is level and said in finding.found


def test_calibration() -> None:
    color = heard(COLOR, "rgb8").message
    check = input_checks.check_camera
    assert check(CameraInfo(width=640, height=480, k=K), color, False).level is Level.OK
    assert check(CameraInfo(width=640, height=480, k=K), None, False).level is Level.OK
    assert "1280x720" in check(CameraInfo(width=1280, height=720, k=K), color, False).found
    assert check(CameraInfo(width=640, height=480), color, False).level is Level.ERROR
    fisheye = CameraInfo(width=640, height=480, k=K, distortion_model="equidistant", d=[0.1] * 4)
    assert "equidistant" in check(fisheye, color, False).found
    assert check(fisheye, color, True).level is Level.OK


def test_frames() -> None:
    color, depth = heard(COLOR, "rgb8").message, heard(DEPTH, "32FC1").message
    assert input_checks.check_frames(color, depth).level is Level.OK
    other = heard(DEPTH, "32FC1", frame="depth_camera").message
    assert input_checks.check_frames(color, other).level is Level.WARNING
    assert input_checks.check_frames(heard(COLOR, "rgb8", frame="").message, depth).level is Level.ERROR


@pytest.mark.parametrize(("offset_ms", "level"), [(0, Level.OK), (15, Level.OK), (-8, Level.OK), (33, Level.ERROR)])
def test_pairs(offset_ms: int, level: Level) -> None:
    color = [NOW + n * 100_000_000 for n in range(10)]
    finding = input_checks.check_pairs(color, [stamp + offset_ms * 1_000_000 for stamp in color], 0.02)
    assert finding.level is level
    assert f"{abs(offset_ms):.1f} ms apart" in finding.found


def test_a_single_depth_image_pairs_too() -> None:
    assert input_checks.check_pairs([NOW], [NOW], 0.02).level is Level.OK
