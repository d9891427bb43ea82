"""The camera of the soak, and a soak of seconds over real DDS; how fast it went is not judged here."""

import json
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image

from bench.soak.__main__ import main
from bench.soak.camera import OPTICAL_FRAME, stamped, view_at, view_of
from mllm_for3d_ros.nodes.conversion import stamp_ns
from mllm_for3d_ros.recording.images import decode_color, decode_depth
from mllm_for3d_ros.types import Frame, Intrinsics

STAMP = 1_700_000_000_123_456_789


def test_views_go_there_and_back_and_are_held() -> None:
    assert [view_at(n, views=3, hold=2) for n in range(10)] == [0, 0, 1, 1, 2, 2, 1, 1, 0, 0]
    assert [view_at(n, views=1, hold=2) for n in range(4)] == [0, 0, 0, 0]


def test_a_serialized_image_takes_another_stamp() -> None:
    color = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    depth = np.linspace(0.5, 2.0, 24, dtype=np.float32).reshape(4, 6)
    view = view_of(Frame(1, color, depth, Intrinsics(6, 4, 5.0, 5.0, 2.5, 1.5), np.eye(4)))
    message = deserialize_message(stamped(view.color, STAMP), Image)
    assert stamp_ns(message.header.stamp) == STAMP and message.header.frame_id == OPTICAL_FRAME
    np.testing.assert_array_equal(decode_color(message), color)
    np.testing.assert_allclose(decode_depth(deserialize_message(stamped(view.depth, 5), Image)), depth, atol=6e-4)


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", "FASTDDS_DEFAULT_PROFILES_FILE"):
        monkeypatch.setenv(name, "")  # the soak sets them; put back afterwards
    return tmp_path


def test_the_empty_pipeline_receives_everything(out: Path) -> None:
    assert main(["--empty", "--seconds", "2", "--views", "2", "--out", str(out)]) == 0
    result = json.loads((out / "result.json").read_text())
    assert all(result[f"{name}_hz"] > 0 for name in ("color", "depth", "info", "tf"))
    assert set(result["processes"]) == {"sink", "camera"} and result["camera"]["images"] > 0


def test_a_short_soak_tells_its_figures_and_its_verdict(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--seconds", "5", "--views", "2", "--out", str(out)])
    told = capsys.readouterr()
    result = json.loads(told.out.splitlines()[-1])
    assert result == json.loads((out / "result.json").read_text())
    assert status == (0 if result["passed"] else 1)
    assert result["passed"] is ("missed" not in told.err)
    assert result["asked"] == 3 and 0 <= result["unanswered"] <= 3 and result["camera"]["images"] > 0
    assert set(result["processes"]) == {"mapping_node", "reasoning_node", "camera", "client"}
    assert all(used["memory_mib"] > 10 for used in result["processes"].values())
