from pathlib import Path

import numpy as np
import pytest
from bag_support import SECOND, camera_messages, header, make, save_bag, tf

from mllm_for3d_ros.cli.main import main


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "97")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    messages = [*camera_messages([SECOND, 2 * SECOND]), ("/tf_static", SECOND, tf(SECOND, 0.0))]
    return save_bag(tmp_path / "bag", messages)


def test_every_message_is_published(bag: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", str(bag), "--rate", "100", "--quiet", "--clock", "--remap", "/cam/color:=/rgb"]) == 0
    assert "published 7 messages" in capsys.readouterr().out


def test_topics_nobody_hears_are_named(bag: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--rate", "100", "--quiet", "--topics", "/cam/depth", "--wait-for-subscribers", "0.2"]
    assert main(["play", str(bag), *arguments]) == 0
    read = capsys.readouterr()
    assert "nobody listens on /cam/depth" in read.err and "published 2 messages" in read.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--topics", "/nope"], "no topic /nope in the bag; it has /cam/camera_info"),
        (["--remap", "/nope:=/x"], "no topic /nope to remap"),
    ],
)
def test_wrong_topics(bag: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["play", str(bag), "--quiet", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error and "\n" not in error


@pytest.mark.parametrize("arguments", [["--rate", "0"], ["--rate", "fast"], ["--remap", "ab"], ["--rate", "nan"]])
def test_wrong_arguments(bag: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["play", str(bag), *arguments])
    assert exit_info.value.code == 2


def test_bags_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = save_bag(tmp_path / "empty", [("/tf", -1, "tf2_msgs/msg/TFMessage")])
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(b"\x89MCAP0\r\n" + bytes(99))
    for path, said in (
        (tmp_path / "no", "does not exist"),
        (empty, "is empty"),
        (cut, "cut short"),
        (Path(__file__), "not a bag"),
    ):
        assert main(["play", str(path), "--quiet"]) == 2
        error = capsys.readouterr().err.strip()
        assert said in error and "\n" not in error


def test_types_that_are_not_installed_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    range_message = make("sensor_msgs/msg/JointState", header(SECOND), [], np.zeros(0), np.zeros(0), np.zeros(0))
    shape = make("stereo_msgs/msg/DisparityImage", header(SECOND), *_disparity())
    bag = save_bag(tmp_path / "bag", [("/joints", SECOND, range_message), ("/disparity", SECOND, shape)])
    assert main(["play", str(bag), "--quiet"]) == 0
    read = capsys.readouterr()
    assert "leaving out /disparity: stereo_msgs/msg/DisparityImage is not installed" in read.err
    assert "published 1 messages" in read.out


def _disparity() -> tuple:
    image = make("sensor_msgs/msg/Image", header(SECOND), 0, 0, "32FC1", 0, 0, np.zeros(0, np.uint8))
    region = make("sensor_msgs/msg/RegionOfInterest", 0, 0, 0, 0, False)
    return image, 1.0, 1.0, region, 0.0, 1.0, 0.1
