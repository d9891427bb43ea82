"""The doctor over real DDS: a good camera is found good, and each fault is named with its remedy."""

import json
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import TransformStamped
from rclpy.context import Context
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from mllm_for3d_ros.cli.main import main
from mllm_for3d_ros.doctor.finding import Finding, Level
from mllm_for3d_ros.nodes.conversion import header_message, image_message
from mllm_for3d_ros.nodes.graph_doctor import Wanted, examine
from mllm_for3d_ros.nodes.parameters import qos
from mllm_for3d_ros.nodes.processes import free_domain, ros_environment

TOPICS = {"rgb/image_raw": "/cam/rgb", "depth/image_raw": "/cam/depth", "camera_info": "/cam/info"}
K = [70.0, 0.0, 79.5, 0.0, 70.0, 59.5, 0.0, 0.0, 1.0]
COLOR, DEPTH = np.zeros((120, 160, 3), np.uint8), np.full((120, 160), 1500, np.uint16)


@pytest.fixture(autouse=True)
def domain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ros_environment(free_domain()).items():
        monkeypatch.setenv(name, value)


class Camera:
    """Publishes at 30 Hz in a thread: a good camera, but for the attributes that a test changes."""

    def __init__(self) -> None:
        self._context = Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = rclpy.create_node("cam", context=self._context)
        self.reliability, self.encoding, self.frame, self.with_tf, self.node_says = "reliable", "rgb8", "map", True, ""
        self.silent: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _run(self) -> None:
        profile = qos(self.reliability, "volatile", 10)
        kinds = {"rgb/image_raw": Image, "depth/image_raw": Image, "camera_info": CameraInfo}
        send = {
            name: self.node.create_publisher(kind, TOPICS[name], profile).publish
            for name, kind in kinds.items()
            if name not in self.silent
        }
        tf = self.node.create_publisher(TFMessage, "/tf", 10)
        diagnostics = self.node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        while not self._stop.wait(1 / 30):
            header = header_message("optical", self.node.get_clock().now().nanoseconds)
            messages = {
                "rgb/image_raw": image_message(COLOR, self.encoding, header),
                "depth/image_raw": image_message(DEPTH, "16UC1", header),
                "camera_info": CameraInfo(header=header, width=160, height=120, k=K),
            }
            if self.with_tf:
                moved = TransformStamped(header=header_message(self.frame, 0), child_frame_id="optical")
                moved.header.stamp = header.stamp
                tf.publish(TFMessage(transforms=[moved]))
            for name, publish in send.items():
                publish(messages[name])
            if self.node_says:
                values = [KeyValue(key="topic", value="/cam/rgb")]
                own = DiagnosticStatus(level=DiagnosticStatus.WARN, name="mapping_node", message=self.node_says)
                part = DiagnosticStatus(name="mapping_node: rgb/image_raw", message="running", values=values)
                diagnostics.publish(DiagnosticArray(status=[own, part]))


@pytest.fixture
def camera() -> Iterator[Camera]:
    made = Camera()
    yield made
    made.close()


def of(findings: list[Finding], check: str) -> list[Finding]:
    return [finding for finding in findings if finding.check == check]


def wrong(findings: list[Finding]) -> set[str]:
    return {finding.check for finding in findings if finding.level is Level.ERROR}


def test_a_good_camera_is_found_good(camera: Camera) -> None:
    camera.start()
    findings = examine(Wanted(TOPICS), seconds=3.0)
    assert wrong(findings) == set(), findings
    assert {"colour", "depth", "calibration", "frames", "pairs", "TF"} <= {finding.check for finding in findings}
    assert [finding.level for finding in of(findings, "nodes")] == [Level.WARNING] * 2  # ours do not run


def test_faults_are_named(camera: Camera) -> None:
    camera.silent, camera.encoding, camera.frame = {"depth/image_raw"}, "yuv422", "odom"
    camera.start()
    findings = examine(Wanted(TOPICS), seconds=3.0)
    assert wrong(findings) == {"depth/image_raw", "colour", "TF"}
    assert "it has no publisher" in of(findings, "depth/image_raw")[0].found
    assert "'map' is not on /tf" in of(findings, "TF")[0].found
    assert "rgb8" in of(findings, "colour")[0].remedy


def test_qos_that_does_not_fit_is_named(camera: Camera) -> None:
    camera.reliability, camera.with_tf = "best_effort", False
    camera.start()
    findings = examine(Wanted(TOPICS, reliability="reliable"), seconds=2.0)
    assert wrong(findings) == set(TOPICS)
    assert all("reliability" in of(findings, name)[0].remedy for name in TOPICS)


def test_a_running_node_tells_its_topics_and_its_problems(camera: Camera) -> None:
    camera.node_says = "images come faster than they are fused"
    camera.start()
    findings = examine(Wanted({}, discovery_s=8.0), seconds=2.0)
    assert of(findings, "rgb/image_raw") == [] and "/cam/rgb" in of(findings, "colour")[0].found
    assert any("faster than they are fused" in finding.found for finding in of(findings, "nodes"))


def test_simulated_time_without_a_clock_is_named() -> None:
    findings = examine(Wanted(TOPICS, use_sim_time=True), seconds=0.5)
    assert "--clock" in of(findings, "clock")[0].remedy


def test_the_verb_tells_by_its_status(camera: Camera, capsys: pytest.CaptureFixture[str]) -> None:
    camera.start()
    options = ["--rgb-topic", "/cam/rgb", "--depth-topic", "/cam/depth", "--camera-info-topic", "/cam/info"]
    assert main(["doctor", *options, "--seconds", "3", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)
    assert all(set(finding) == {"check", "level", "found", "remedy"} for finding in findings)
    assert main(["doctor", "--camera", "realsense", "--seconds", "0.5"]) == 1
    shown = capsys.readouterr().out
    assert "WRONG" in shown and "/camera/camera/color/image_raw" in shown and "3 wrong" in shown
    assert main(["doctor", "--offline"]) == 0
    assert main(["doctor", "--camera", "polaroid"]) == 2
