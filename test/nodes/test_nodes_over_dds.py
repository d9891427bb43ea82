"""The two nodes and the player in processes of their own, over real DDS."""

import os
import time
from collections.abc import Iterator

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from ros_support import FIRST_NS, PERIOD_NS, TOPICS, WARN_PERIOD_S, Nodes, colored_frames, play, running_nodes
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import String
from std_srvs.srv import Trigger
from visualization_msgs.msg import MarkerArray

from mllm_for3d_ros.msg import Instruction, ReasoningMask
from mllm_for3d_ros.nodes.conversion import cloud_columns, header_message, image_message, stamp_ns
from mllm_for3d_ros.nodes.parameters import LATCHED, qos
from mllm_for3d_ros.nodes.processes import free_domain, ros_environment
from mllm_for3d_ros.recording.bag_writer import write_bag
from mllm_for3d_ros.types import Status

NEWEST = FIRST_NS + 7 * PERIOD_NS


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    environment = ros_environment(free_domain())
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        with running_nodes(tmp_path_factory.mktemp("logs"), environment) as started:
            early = started.client.ask("the red square", timeout_s=0.0)
            assert (early.message.status, early.message.error_code) == (Status.NOT_READY, "no_map")
            bag = tmp_path_factory.mktemp("bag") / "colors"
            write_bag(colored_frames(), bag)
            assert "published" in play(started, bag, "--rate", "2", "--topics", *TOPICS)
            yield started
            assert all(p.status is None for p in (started.mapping, started.reasoning)), "a node ended on its own"
        assert [p.stop() for p in (started.mapping, started.reasoning)] == [0, 0]
    finally:
        os.environ.clear()
        os.environ.update(before)


def turned(w: float, frame: str = "map") -> PoseStamped:
    """A viewpoint at the origin with a quaternion (0, 0, 0, w)."""
    pose = PoseStamped()
    pose.header.frame_id, pose.pose.orientation.w = frame, w
    return pose


def test_a_mask_comes_back_in_the_map_frame(nodes: Nodes) -> None:
    reply = nodes.client.ask("the red square", timeout_s=60, min_version=NEWEST)
    mask = reply.message
    assert mask.status == Status.OK, mask.explanation
    assert (mask.header.frame_id, mask.map_version, mask.text) == ("map", NEWEST, "the red square")
    assert stamp_ns(mask.header.stamp) == NEWEST and mask.model_fingerprint == "stand-in:0000" and mask.map_epoch
    assert mask.method == ReasoningMask.METHOD_STUDENT and stamp_ns(mask.inference_time) > 0
    (square,) = mask.instances
    assert square.point_count == len(reply.points) == len(reply.scores) > 100
    center = np.array([square.pose.position.x, square.pose.position.y, square.pose.position.z])
    np.testing.assert_allclose(center, [2.0, 0.0, 1.0], atol=0.06)
    assert np.ptp(reply.points[:, 1]) == pytest.approx(0.5, abs=0.08)
    nodes.client.wait(lambda: nodes.client.figure("mapping_node", "fused") == 8, 10, "the count of frames")
    assert nodes.client.ask("the red square").message.instances[0].id == square.id


def test_what_is_not_there_is_said_so(nodes: Nodes) -> None:
    mask = nodes.client.ask("a blue whale", timeout_s=30).message
    assert mask.status == Status.NO_TARGET and not mask.instances and "presence" in mask.explanation


def test_clouds_and_markers_come_with_the_answer(nodes: Nodes) -> None:
    received: dict[str, list] = {"points": [], "heatmap": [], "markers": []}
    for name, kind in (("points", PointCloud2), ("heatmap", PointCloud2), ("markers", MarkerArray)):
        nodes.client.node.create_subscription(kind, f"/reasoning_node/mask/{name}", received[name].append, LATCHED)
    reply = nodes.client.ask("the red square", timeout_s=30)

    def all_of_this_answer() -> bool:  # those of the answer before may come first
        points, markers = received["points"], received["markers"]
        sized = bool(points) and points[-1].width == len(reply.points)
        return sized and bool(markers) and len(markers[-1].markers) == 3 and bool(received["heatmap"])

    nodes.client.wait(all_of_this_answer, 30, "clouds and markers")
    cloud = cloud_columns(received["points"][-1])
    assert set(cloud["instance"]) == {i.id for i in reply.message.instances} and cloud["score"].min() > 0.5
    assert received["heatmap"][-1].width > 3 * len(reply.points)
    assert [m.ns for m in received["markers"][-1].markers] == ["", "box", "label"]


@pytest.mark.parametrize(
    ("fields", "code", "word"),
    [
        ({"text": ""}, "text_empty", "empty"),
        ({"text": "\x00 \n\t"}, "text_empty", "empty"),
        ({"text": "sofa " * 2000}, "text_too_long", "10000 characters"),
        ({"text": "x", "op": 99}, "unknown_op", "op 99"),
        ({"text": "x", "method": Instruction.METHOD_LIFTED}, "method_unavailable", "teacher"),
        ({"text": "x", "has_region": True}, "bad_region", "0 x 0 x 0 m"),
        ({"text": "x", "has_viewpoint": True, "viewpoint": turned(0.0)}, "bad_viewpoint", "unit quaternion"),
        ({"text": "x", "has_viewpoint": True, "viewpoint": turned(1.0, "moon")}, "viewpoint_frame", "'moon'"),
        ({"text": "x", "score_threshold": float("nan")}, "bad_threshold", "0..1"),
        ({"text": "x", "id": "i" * 500}, "name_too_long", "200"),
        ({"op": Instruction.OP_CANCEL, "id": "never sent"}, "nothing_to_cancel", "never sent"),
    ],
)
def test_instructions_that_cannot_be_done_are_rejected(nodes: Nodes, fields: dict, code: str, word: str) -> None:
    wanted = nodes.client.send(**fields)
    mask = nodes.client.answer_to(wanted[:200], 20)
    assert (mask.status, mask.error_code) == (Status.REJECTED, code)
    assert word in mask.explanation and "\n" not in mask.explanation


def test_the_viewpoint_of_an_instruction_is_used(nodes: Nodes) -> None:
    assert "without a viewpoint" in nodes.client.ask("red nearest to me").message.explanation
    wanted = nodes.client.send(text="red nearest to me", has_viewpoint=True, viewpoint=turned(1.0))
    mask = nodes.client.answer_to(wanted, 20)
    assert mask.status == Status.OK and "nearest to the viewer" in mask.explanation


def test_a_failing_model_is_an_answer_too(nodes: Nodes) -> None:
    mask = nodes.client.ask("explode").message
    assert (mask.status, mask.error_code) == (Status.ERROR, "inference_failed")
    assert "ZeroDivisionError: as asked for" in mask.explanation
    assert nodes.client.ask("red").message.status == Status.OK


def test_a_map_version_that_never_comes_times_out_and_can_be_cancelled(nodes: Nodes) -> None:
    mask = nodes.client.ask("red", timeout_s=0.3, min_version=NEWEST + 1).message
    assert (mask.status, mask.error_code) == (Status.TIMEOUT, "map_too_old")
    waiting = nodes.client.send(text="red", min_map_version=2**63, timeout=_minute())
    nodes.client.send(op=Instruction.OP_CANCEL, id=waiting)
    answer = nodes.client.answer_to(waiting, 10)
    assert answer.status == Status.CANCELLED, answer.explanation


def _minute() -> object:
    from mllm_for3d_ros.nodes.conversion import duration_message

    return duration_message(60)


def test_plain_text_is_an_instruction(nodes: Nodes) -> None:
    masks: list[ReasoningMask] = []
    nodes.client.node.create_subscription(
        ReasoningMask, "/reasoning_node/mask", masks.append, qos("reliable", "volatile", 9)
    )
    publisher = nodes.client.node.create_publisher(String, "instruction/text", 10)
    nodes.client.wait(lambda: publisher.get_subscription_count() > 0, 20, "discovery")
    publisher.publish(String(data="  the   red square "))
    nodes.client.wait(lambda: any(m.instruction_id.startswith("auto-") for m in masks), 20, "the answer")
    assert [m.text for m in masks if m.instruction_id.startswith("auto-")] == ["the red square"]


class Camera:
    """Publishes images of any kind in place of the player."""

    def __init__(self, nodes: Nodes) -> None:
        self.client = nodes.client
        reliable = qos("reliable", "volatile", 10)
        names = (
            ("color", Image, "color/image_raw"),
            ("depth", Image, "depth/image_raw"),
            ("info", CameraInfo, "color/camera_info"),
        )
        self.publishers = {n: self.client.node.create_publisher(k, f"/camera/{t}", reliable) for n, k, t in names}
        ready = lambda: all(p.get_subscription_count() for p in self.publishers.values())  # noqa: E731
        self.client.wait(ready, 20, "discovery")
        self.stamp = NEWEST - PERIOD_NS

    def info(self, k: float = 140.0, width: int = 160) -> None:
        message = CameraInfo(width=width, height=120, k=[k, 0, 79.5, 0, k, 59.5, 0, 0, 1])
        self.publishers["info"].publish(message)

    def images(self, color: np.ndarray, encoding: str, depth: np.ndarray, depth_encoding: str, **wrong: object) -> None:
        self.stamp += 1000
        header = header_message("camera_color_optical_frame", self.stamp)
        self.publishers["color"].publish(image_message(color, encoding, header))
        message = image_message(depth, depth_encoding, header)
        for name, value in wrong.items():
            setattr(message, name, value)
        self.publishers["depth"].publish(message)


COLOR = np.zeros((120, 160, 3), np.uint8)
METRES = np.full((120, 160), 2.0, np.float32)


@pytest.mark.parametrize(
    ("color", "encoding", "depth", "depth_encoding", "wrong", "reason", "said"),
    [
        (COLOR, "yuv422", METRES, "32FC1", {}, "bad_image", "colour encoding 'yuv422'"),
        (COLOR, "rgb8", COLOR, "rgb8", {}, "bad_image", "depth encoding 'rgb8'"),
        (COLOR, "rgb8", METRES[:60], "32FC1", {}, "bad_image", "sizes do not match"),
        (COLOR, "rgb8", METRES, "32FC1", {"height": 5000}, "bad_image", "needs"),
        (COLOR, "rgb8", METRES, "32FC1", {"step": 3}, "bad_image", "needs"),
        (COLOR, "rgb8", METRES * np.nan, "32FC1", {}, "no_depth", "no depth from"),
        (COLOR[:0], "rgb8", METRES[:0], "32FC1", {}, "bad_image", "sizes do not match"),
    ],
)  # fmt: skip
def test_bad_images_are_a_line_and_no_more(
    nodes: Nodes, color: np.ndarray, encoding: str, depth: np.ndarray, depth_encoding: str,
    wrong: dict, reason: str, said: str,
) -> None:  # fmt: skip
    camera = Camera(nodes)
    before = nodes.client.figure("mapping_node", reason)
    camera.info()
    time.sleep(WARN_PERIOD_S)  # else it is silent, for the sake of the line that the test before was about
    camera.images(color, encoding, depth, depth_encoding, **wrong)
    nodes.client.wait(lambda: nodes.client.figure("mapping_node", reason) > before, 20, f"the count of {reason}")
    nodes.client.wait(lambda: said in nodes.mapping.log.read_text(), 5, f"the line with {said!r}")


def test_an_uncalibrated_camera_and_an_unknown_frame_are_named(nodes: Nodes) -> None:
    camera = Camera(nodes)
    camera.info(k=0.0)
    camera.stamp = NEWEST + 10 * PERIOD_NS
    camera.images(COLOR, "rgb8", METRES, "32FC1")
    nodes.client.wait(lambda: nodes.client.figure("mapping_node", "no_pose") > 0, 20, "the count of no_pose")
    log = nodes.mapping.log.read_text()
    assert "camera_info holds no calibration" in log and "s from the newest transform" in log


def test_a_bad_map_leaves_the_good_one(nodes: Nodes) -> None:
    publisher = nodes.client.node.create_publisher(PointCloud2, "/mapping_node/map/points", LATCHED)
    nodes.client.wait(lambda: publisher.get_subscription_count() > 0, 20, "discovery")
    failed = nodes.client.figure("reasoning_node", "maps_failed")
    publisher.publish(PointCloud2(header=header_message("map", NEWEST + 5), width=100, height=1, point_step=16))
    nodes.client.wait(lambda: nodes.client.figure("reasoning_node", "maps_failed") > failed, 20, "the count")
    nodes.client.node.destroy_publisher(publisher)
    assert nodes.client.ask("red").message.status == Status.OK


def test_keep_answers_again_and_reset_begins_an_epoch(nodes: Nodes) -> None:
    epoch = nodes.client.ask("red").message.map_epoch
    kept = nodes.client.send(text="red", op=Instruction.OP_KEEP)
    assert nodes.client.answer_to(kept, 20).status == Status.OK
    service = nodes.client.node.create_client(Trigger, "/mapping_node/map/reset")
    nodes.client.wait(service.service_is_ready, 20, "the service")
    future = service.call_async(Trigger.Request())
    nodes.client.wait(future.done, 20, "the reset")
    assert future.result().success and "forgot" in future.result().message
    deadline = time.monotonic() + 20
    status = Status.OK
    while status != Status.NOT_READY and time.monotonic() < deadline:
        status = Status(nodes.client.ask("red", timeout_s=0.0).message.status)
    assert status == Status.NOT_READY
    camera = Camera(nodes)
    camera.info()
    color = COLOR.copy()
    color[42:77, 62:97] = 200, 0, 0
    camera.images(color, "rgb8", METRES, "32FC1")
    mask = nodes.client.answer_to(kept, 30, sequence=1)
    assert mask.status == Status.OK and mask.map_epoch != epoch
    before = nodes.client.figure("reasoning_node", "cancelled")
    nodes.client.send(op=Instruction.OP_CANCEL_ALL)
    nodes.client.wait(lambda: nodes.client.figure("reasoning_node", "cancelled") > before, 20, "the cancellation")
