from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import Pose, PoseStamped, Quaternion
from nav_msgs.msg import Odometry
from ros_stand_ins import hide
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage

from mllm_for3d_ros.nodes.conversion import header_message
from mllm_for3d_ros.nodes.image_inputs import IMAGE_PARAMETERS, ImageInputs
from mllm_for3d_ros.nodes.inputs.pairs import Pair
from mllm_for3d_ros.nodes.speaker import Speaker

SECOND = 10**9


class Subscribed:
    """Inputs on a node and watchdog that only note what is subscribed to."""

    def __init__(self, topic: str = "/cam/{}", **parameters: object) -> None:
        self.said: list[str] = []
        self.pairs: list[Pair] = []
        self.topics: dict[str, tuple[type, Callable[[Any], None]]] = {}
        self.entries: dict[str, Any] = {}
        node: Any = SimpleNamespace(
            parameters={p.name: p.default for p in IMAGE_PARAMETERS} | parameters,
            speaker=Speaker(self.said.append, 0.0),
            resolve_topic_name=topic.format,
            get_logger=lambda: SimpleNamespace(warning=pytest.fail),
        )
        watchdog: Any = SimpleNamespace(subscribe=self._subscribe)
        self.inputs = ImageInputs(node, watchdog, 3, self.pairs.append)

    def _subscribe(
        self, kind: type, name: str, callback: Callable[[Any], None], qos: object, watch: bool = True
    ) -> SimpleNamespace:
        assert watch == (not name.startswith("/tf"))
        self.topics[name] = kind, callback
        return self.entries.setdefault(name, SimpleNamespace(name=name))

    def send(self, name: str, message: object) -> None:
        kind, callback = self.topics[name]
        assert isinstance(message, kind)
        callback(message)


@pytest.fixture(autouse=True)
def without_ros_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("message_filters", "tf2_ros", "cv_bridge"):
        hide(monkeypatch, name)


def image(stamp: int, frame: str = "lens") -> Image:
    return Image(header=header_message(frame, stamp))


def test_raw_images_and_tf_are_the_default() -> None:
    kinds = {name: kind for name, (kind, _) in Subscribed().topics.items()}
    assert kinds == {
        "camera_info": CameraInfo, "rgb/image_raw": Image, "depth/image_raw": Image,
        "/tf": TFMessage, "/tf_static": TFMessage,
    }  # fmt: skip


def test_compressed_topics_follow_the_remapping_of_the_raw_ones() -> None:
    made = Subscribed("/robot/{}", rgb_transport="compressed", depth_transport="compressedDepth")
    names = {
        "rgb/image_raw": "/robot/rgb/image_raw/compressed",
        "depth/image_raw": "/robot/depth/image_raw/compressedDepth",
    }
    for name, topic in names.items():
        assert made.topics[topic][0] is CompressedImage
        assert made.entries[topic].name == name  # as the diagnostics and remedies call it


def test_pairs_are_handed_over_and_what_does_not_pair_is_said() -> None:
    subscribed = Subscribed()
    subscribed.send("depth/image_raw", image(SECOND))
    subscribed.send("rgb/image_raw", image(SECOND + 10**7))
    (pair,) = subscribed.pairs
    assert pair.stamp_ns == SECOND + 10**7
    assert subscribed.inputs.offsets.figures() == {"sync_offset_ms_mean": "-10.00", "sync_offset_ms_max": "-10.00"}
    for n in range(4):
        subscribed.send("rgb/image_raw", image((2 + n) * SECOND))
    assert len(subscribed.pairs) == 1 and "nearest stamps differ by 4.000 s" in subscribed.said[0]


def test_images_whose_partners_are_taken_are_not_said_to_be_far_apart() -> None:
    subscribed = Subscribed()
    for n in range(6):  # two colour images for each of depth, 5 ms apart
        subscribed.send("depth/image_raw", image(n * SECOND))
        for later in (0, 5_000_000):
            subscribed.send("rgb/image_raw", image(n * SECOND + later))
    assert len(subscribed.pairs) == 6 and subscribed.inputs.pairs.unpaired == 3
    assert not subscribed.said


def test_closed_inputs_hold_no_images() -> None:
    subscribed = Subscribed()
    subscribed.send("depth/image_raw", image(SECOND))
    subscribed.inputs.close()
    subscribed.send("rgb/image_raw", image(SECOND))
    assert not subscribed.pairs


def pose(stamp: int, frame: str = "map") -> PoseStamped:
    return PoseStamped(header=header_message(frame, stamp), pose=Pose(orientation=Quaternion(w=1.0)))


@pytest.mark.parametrize(
    ("parameters", "child"),
    [
        ({}, "lens"),
        ({"camera_frame": "optical"}, "optical"),
        ({"pose_frame": "base", "camera_frame": "optical"}, "base"),
    ],
)
def test_a_stamped_pose_is_that_of_the_frame_named_or_of_the_camera(parameters: dict, child: str) -> None:
    subscribed = Subscribed(pose_source="pose", **parameters)
    subscribed.send("pose", pose(SECOND))  # of nothing yet, where the camera's frame is not known
    subscribed.send("rgb/image_raw", image(SECOND))
    subscribed.send("pose", pose(2 * SECOND))
    np.testing.assert_array_equal(subscribed.inputs.transforms.lookup("map", child, 2 * SECOND), np.eye(4))


def test_odometry_is_that_of_its_child_frame() -> None:
    subscribed = Subscribed(pose_source="odometry")
    message = Odometry(header=header_message("odom", SECOND), child_frame_id="base")
    message.pose.pose = Pose(orientation=Quaternion(w=1.0))
    subscribed.send("odom", message)
    np.testing.assert_array_equal(subscribed.inputs.transforms.lookup("odom", "base", SECOND), np.eye(4))


@pytest.mark.parametrize(
    ("topic", "choice", "distorted"),
    [
        ("/cam/image_raw", "auto", True),
        ("/cam/image_rect_color", "auto", False),
        ("/direct/image", "auto", True),
        ("/cam/image_rect", "rectify", True),
        ("/cam/image_raw", "none", False),
    ],
)
def test_images_are_rectified_unless_they_are(topic: str, choice: str, distorted: bool) -> None:
    subscribed = Subscribed(topic, rectification=choice)
    k, d = [7.0, 0, 4, 0, 7, 3, 0, 0, 1], [0.1] * 5
    subscribed.send("camera_info", CameraInfo(width=8, height=6, k=k, d=d, distortion_model="plumb_bob"))
    assert bool(subscribed.inputs.cameras.wait(0.0).distortion) == distorted
