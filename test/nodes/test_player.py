import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bag_support import SECOND, camera_messages, header, make, save_bag, tf
from rclpy.qos import QoSProfile

from mllm_for3d_ros.cli.main import main
from mllm_for3d_ros.nodes.demo_client import DemoClient
from mllm_for3d_ros.nodes.player import Player, PlayOptions
from mllm_for3d_ros.nodes.processes import NodeGroup, free_domain, ros_environment

PATIENCE_S = 120.0


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


@pytest.mark.parametrize(
    ("arguments", "most"),
    [
        (["--rate", "0.0001", "--clock"], 4),  # and waits for those of the next second
        (["--wait-for-subscribers", "9999"], 0),
        (["--rate", "1000", "--loop"], 10**9),
    ],
)
def test_ctrl_c_ends_it_wherever_it_is(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], most: int
) -> None:
    environment = ros_environment(free_domain())
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with NodeGroup(tmp_path, environment) as group, DemoClient(group.check) as client:
        player = group.start("play", "-m", "mllm_for3d_ros.cli.main", "play", str(bag), "--quiet", *arguments)
        client.wait(lambda: client.node.count_publishers("/tf_static") > 0, PATIENCE_S, "the player")
        player.interrupt()
        player.interrupt()
        assert player.stop() == 0, player.last_lines()
        log = player.log.read_text()
        assert int(log.partition("published ")[2].split()[0]) <= most, log
        assert "Traceback" not in log and "nobody listens" not in log


def test_ctrl_c_before_it_plays_and_again_as_it_ends(bag: Path) -> None:
    code = (
        "import atexit, os, sys; from mllm_for3d_ros.nodes import player; from mllm_for3d_ros.cli.main import main;"
        "interrupt = lambda: os.kill(os.getpid(), 2); atexit.register(interrupt);"
        "seconds = player.bag_seconds; player.bag_seconds = lambda path: (interrupt(), seconds(path))[1];"
        f"sys.exit(main(['play', {str(bag)!r}, '--quiet']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_S)
    assert (done.returncode, done.stderr) == (0, "") and "published 0 messages" in done.stdout


class Deaf:
    """A node whose publishers have subscribers that acknowledge nothing; who waits for them is stopped meanwhile."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.waited_ns = 0

    def create_publisher(self, message_type: Any, name: str, qos: QoSProfile) -> "Deaf":
        self.qos_profile = qos
        return self

    def publish(self, message: Any) -> None:
        pass

    def wait_for_all_acked(self, timeout: Any) -> bool:
        self.waited_ns += timeout.nanoseconds
        self.stop.set()
        return False


def test_once_stopped_nobody_waits_for_subscribers_that_do_not_acknowledge(bag: Path) -> None:
    node = Deaf()
    played = Player(node, bag, PlayOptions(rate=100.0), pytest.fail, node.stop.is_set).play()  # type: ignore[arg-type]
    assert played.messages == 7 and 0 < node.waited_ns <= SECOND
