"""The reasoning node alone, in a process of its own over real DDS, on the map of a foreign mapper."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from color_teacher import RED
from geometry_msgs.msg import PoseStamped, TransformStamped, Vector3
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from ros_support import PATIENCE_S, SUPPORT
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from student_support import box_cloud
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray

from mllm_for3d_ros.msg import Instruction, ReasoningMask
from mllm_for3d_ros.nodes.conversion import cloud_message, duration_message, header_message, image_message
from mllm_for3d_ros.nodes.demo_client import DemoClient
from mllm_for3d_ros.nodes.parameters import LATCHED, qos
from mllm_for3d_ros.nodes.processes import NodeGroup, free_domain, ros_environment
from mllm_for3d_ros.scene.point_cloud2 import pack_rgb
from mllm_for3d_ros.srv import Segment
from mllm_for3d_ros.types import SceneCloud, Status

ROOM = box_cloud(((-0.9, -0.9, 0.0), "red"), ((0.4, 0.4, 0.0), "red"), ((0.4, -0.9, 0.0), "green"))
FULLER = box_cloud(((-0.9, -0.9, 0.0), "red"), ((0.4, 0.4, 0.0), "red"), ((-0.9, 0.4, 0.0), "red"))
START_NS = 1_700_000_000_000_000_000
TWICE_THE_REQUESTS = 2000


class Robot:
    """What surrounds the node: a mapper that is not ours, and whoever gives instructions."""

    def __init__(self, group: NodeGroup, client: DemoClient) -> None:
        self.group, self.client, self.node = group, client, client.node
        self.version = START_NS
        self.map = self.node.create_publisher(PointCloud2, "/other_mapper/cloud", LATCHED)
        self.answers: list[ReasoningMask] = []
        deep = qos("reliable", "volatile", TWICE_THE_REQUESTS)
        self.node.create_subscription(ReasoningMask, "/reasoning_node/mask", self.answers.append, deep)
        self.instructions = self.node.create_publisher(Instruction, "instruction", deep)
        self.start_node()

    def start_node(self) -> None:
        self.reasoning = self.group.start(
            "reasoning_node", str(SUPPORT / "color_reasoning_node.py"), "--ros-args",
            "-r", "map/points:=/other_mapper/cloud", "-p", "voxel_size:=0.05", "-p", "queue_size:=20",
            "-p", "warn_period:=0.5", "-p", "teacher:=color", "-p", "image_reliability:=reliable",
        )  # fmt: skip
        self.client.wait_until_listening(PATIENCE_S)

    def publish_map(self, cloud: SceneCloud, frame: str = "world") -> int:
        """A cloud with x y z and rgb alone; returns its version."""
        self.version += 1_000_000_000
        columns = {axis: cloud.points[:, k] for k, axis in enumerate("xyz")}
        self.map.publish(cloud_message(columns | {"rgb": pack_rgb(cloud.colors)}, frame, self.version))
        return self.version

    def ask(self, text: str, **fields: object) -> ReasoningMask:
        wanted = self.client.send(
            text=text, min_map_version=self.version, timeout=duration_message(PATIENCE_S), **fields
        )
        return self.client.answer_to(wanted, PATIENCE_S, text)

    def call(self, service: object, request: object) -> object:
        self.client.wait(service.service_is_ready, PATIENCE_S, "the service")  # type: ignore[attr-defined]
        future = service.call_async(request)  # type: ignore[attr-defined]
        self.client.wait(future.done, PATIENCE_S, "the reply")
        return future.result()

    def change_state(self, transition: int) -> bool:
        service = self.node.create_client(ChangeState, "/reasoning_node/change_state")
        reply = self.call(service, ChangeState.Request(transition=Transition(id=transition)))
        return bool(reply.success)  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    environment, before = ros_environment(free_domain()), dict(os.environ)
    os.environ.update(environment)
    try:
        with NodeGroup(tmp_path_factory.mktemp("logs"), environment) as group, DemoClient() as client:
            started = Robot(group, client)
            started.publish_map(ROOM)
            assert started.ask("red").status == Status.OK
            yield started
            started.reasoning.interrupt()
            started.reasoning.interrupt()  # as launch and a terminal together do
            assert started.reasoning.stop(PATIENCE_S) == 0, started.reasoning.last_lines()
            assert "Traceback" not in started.reasoning.log.read_text()
    finally:
        os.environ.clear()
        os.environ.update(before)


def pose(x: float, y: float, z: float, frame: str = "") -> PoseStamped:
    message = PoseStamped()
    message.header.frame_id, message.pose.orientation.w = frame, 1.0
    message.pose.position.x, message.pose.position.y, message.pose.position.z = x, y, z
    return message


def around(x: float, y: float, frame: str = "") -> dict[str, object]:
    """Fields of an instruction about 0.8 m around a place."""
    return {"has_region": True, "region_pose": pose(x, y, 0.2, frame), "region_size": Vector3(x=0.8, y=0.8, z=0.8)}


def test_the_map_of_another_mapper_is_answered_on(robot: Robot) -> None:
    mask = robot.ask("the red things")
    assert mask.status == Status.OK, mask.explanation
    assert (mask.header.frame_id, mask.map_version, len(mask.instances)) == ("world", robot.version, 2)
    one = mask.instances[0]
    assert one.has_support and one.support_plane.coef[2] == pytest.approx(1.0, abs=0.01)
    assert -one.support_plane.coef[3] == pytest.approx(-0.025, abs=0.02)
    assert np.diag(one.centroid_covariance.reshape(3, 3)) == pytest.approx([0.4**2 / 12] * 3, rel=0.1)
    assert (one.last_seen.sec, one.observed_fraction) == (mask.header.stamp.sec, 0.0)


def test_a_region_restricts_the_search(robot: Robot) -> None:
    ids = {round(i.centroid.x, 1): i.id for i in robot.ask("the red things").instances}
    near = robot.ask("the red things", **around(0.6, 0.6))
    assert [round(i.centroid.x, 1) for i in near.instances] == [0.6], near.explanation
    assert near.instances[0].id == ids[0.6]
    assert robot.ask("green", **around(0.6, 0.6)).status == Status.NO_TARGET
    assert robot.ask("green", **around(40.0, 0.6)).status == Status.NOT_OBSERVED
    flat = robot.ask("green", has_region=True, region_pose=pose(0.0, 0.0, 0.0))
    assert (flat.status, flat.error_code) == (Status.REJECTED, "bad_region")


def test_regions_in_other_frames_are_brought_to_the_map(robot: Robot) -> None:
    lost = robot.ask("red", **around(0.0, 0.0, "shelf"))
    assert (lost.status, lost.error_code) == (Status.REJECTED, "region_frame") and "'shelf'" in lost.explanation
    frames = robot.node.create_publisher(TFMessage, "/tf_static", LATCHED)
    shelf = TransformStamped(child_frame_id="shelf")
    shelf.header.frame_id, shelf.transform.rotation.w = "world", 1.0
    shelf.transform.translation.x = shelf.transform.translation.y = 0.6
    frames.publish(TFMessage(transforms=[shelf]))

    def found() -> bool:
        return bool(robot.ask("red", **around(0.0, 0.0, "shelf")).instances)

    robot.client.wait(found, PATIENCE_S, "the transform of the shelf")


def test_the_service_answers_as_the_topic_does(robot: Robot) -> None:
    segment = robot.node.create_client(Segment, "/reasoning_node/segment")
    reply = robot.call(segment, Segment.Request(instruction=Instruction(text="green")))
    assert reply.success and len(reply.mask.instances) == 1 and reply.message == reply.mask.explanation
    robot.client.wait(lambda: any(m == reply.mask for m in robot.answers), PATIENCE_S, "the same answer on the topic")
    for fields, status in (
        ({"text": "blue"}, Status.NO_TARGET), ({"text": ""}, Status.REJECTED),
        ({"text": "red", "op": Instruction.OP_KEEP}, Status.REJECTED),
    ):  # fmt: skip
        reply = robot.call(segment, Segment.Request(instruction=Instruction(**fields)))
        assert reply.mask.status == status and reply.success == (status == Status.NO_TARGET)


def test_a_call_that_waits_for_a_map_holds_up_neither_the_map_nor_others(robot: Robot) -> None:
    segment = robot.node.create_client(Segment, "/reasoning_node/segment")
    robot.client.wait(segment.service_is_ready, PATIENCE_S, "the service")
    newer = Instruction(text="red", min_map_version=robot.version + 1, timeout=duration_message(PATIENCE_S))
    call = segment.call_async(Segment.Request(instruction=newer))
    assert robot.ask("green").status == Status.OK and not call.done()
    robot.publish_map(ROOM)
    robot.client.wait(call.done, PATIENCE_S, "the reply")
    assert call.result().success and call.result().mask.map_version == robot.version


class CeilingCamera:
    """Looks down from 3 m at the red cube around (0.6, 0.6), 0.4 m high."""

    def __init__(self, robot: Robot) -> None:
        self.robot = robot
        create = robot.node.create_publisher
        self.frames = create(TFMessage, "/tf_static", LATCHED)
        pose = TransformStamped(child_frame_id="eye")
        pose.header.frame_id = "world"
        t, q = pose.transform.translation, pose.transform.rotation
        t.x, t.y, t.z, q.x, q.w = 0.6, 0.6, 3.0, 1.0, 0.0
        self.frames.publish(TFMessage(transforms=[pose]))
        reliable = qos("reliable", "volatile", 10)
        self.info = create(CameraInfo, "camera_info", reliable)
        self.color, self.depth = (create(Image, f"{name}/image_raw", reliable) for name in ("rgb", "depth"))

    def look(self) -> None:
        header = header_message("eye", self.robot.version)
        color, depth = np.full((120, 160, 3), 128, np.uint8), np.full((120, 160), 3.0, np.float32)
        color[45:76, 65:96], depth[45:76, 65:96] = RED, 2.6
        self.info.publish(CameraInfo(width=160, height=120, k=[200.0, 0, 80, 0, 200, 60, 0, 0, 1]))
        self.color.publish(image_message(color, "rgb8", header))
        self.depth.publish(image_message(depth, "32FC1", header))


def test_the_teacher_answers_on_the_images_that_came(robot: Robot) -> None:
    blind = robot.ask("the red cube", method=Instruction.METHOD_LIFTED)
    assert (blind.status, blind.error_code) == (Status.NOT_READY, "no_views"), blind.explanation
    camera = CeilingCamera(robot)

    def a_view_is_kept() -> bool:
        camera.look()
        return robot.client.figure("reasoning_node", "key_views") == 1

    robot.client.wait(a_view_is_kept, PATIENCE_S, "the key view")
    mask = robot.ask("the red cube", method=Instruction.METHOD_LIFTED)
    assert mask.status == Status.OK, mask.explanation
    assert mask.method == ReasoningMask.METHOD_LIFTED and "color" in mask.model_fingerprint
    (cube,) = mask.instances
    assert (cube.centroid.x, cube.centroid.y) == pytest.approx((0.6, 0.6), abs=0.1)
    assert 0.0 < cube.observed_fraction < 1.0
    assert robot.ask("a whale", method=Instruction.METHOD_LIFTED).status == Status.NO_TARGET


def test_detections_come_with_the_answer(robot: Robot) -> None:
    received: list[Detection3DArray] = []
    robot.node.create_subscription(Detection3DArray, "/reasoning_node/mask/detections", received.append, LATCHED)
    mask = robot.ask("green")
    robot.client.wait(lambda: bool(received) and len(received[-1].detections) == 1, PATIENCE_S, "the detections")
    (found,) = received[-1].detections
    assert found.id == str(mask.instances[0].id) and found.bbox.size == mask.instances[0].size
    assert found.results[0].hypothesis.class_id == "green"


def test_a_standing_instruction_is_answered_again_until_it_is_cancelled(robot: Robot) -> None:
    kept = robot.client.send(text="red", op=Instruction.OP_KEEP)
    first = robot.client.answer_to(kept, PATIENCE_S)
    robot.publish_map(FULLER)
    second = robot.client.answer_to(kept, PATIENCE_S, sequence=1)
    assert [len(first.instances), len(second.instances)] == [2, 3]
    assert second.map_epoch == first.map_epoch and second.map_version == robot.version
    assert {i.id for i in first.instances} < {i.id for i in second.instances}
    robot.client.send(op=Instruction.OP_CANCEL, id=kept)
    robot.client.wait(
        lambda: any(m.instruction_id == kept and m.status == Status.CANCELLED for m in robot.answers),
        PATIENCE_S,
        "the end",
    )
    nothing = robot.client.send(op=Instruction.OP_CANCEL_ALL)
    assert robot.client.answer_to(nothing, PATIENCE_S).error_code == "nothing_to_cancel"


def test_every_instruction_of_a_burst_is_answered(robot: Robot) -> None:
    names = [f"burst-{n}" for n in range(1000)]
    for name in names:
        robot.instructions.publish(Instruction(id=name, text="red" if name.endswith("7") else "blue"))
    answers: dict[str, ReasoningMask] = {}

    def all_answered() -> bool:
        answers.update({m.instruction_id: m for m in robot.answers})
        return answers.keys() >= set(names)

    robot.client.wait(all_answered, PATIENCE_S, "answers to all of the burst")
    outcomes = {(Status(answers[n].status).name, answers[n].error_code) for n in names}
    assert {("NO_TARGET", "")} < outcomes <= {("OK", ""), ("NO_TARGET", ""), ("REJECTED", "busy")}
    assert robot.ask("red").status == Status.OK


def test_the_diagnostics_name_the_model_and_the_times(robot: Robot) -> None:
    robot.ask("green")
    robot.client.wait(
        lambda: "'green'" in robot.client.figures.get("reasoning_node", {}).get("last_answer", ""),
        PATIENCE_S,
        "diagnostics",
    )
    figures = robot.client.figures["reasoning_node"]
    assert (figures["model"], figures["device"], figures["state"]) == ("stand-in:0000", "cpu", "active")
    stages = [f"{stage}_ms_p{p}" for stage in ("encode", "queue", "answer", "publish") for p in (50, 95)]
    assert all(float(figures[stage]) >= 0 for stage in stages)
    assert robot.client.figure("reasoning_node", "map_voxels") == len(FULLER)
    assert {"reasoning_node: instruction", "reasoning_node: map/points"} <= robot.client.figures.keys()


def test_an_inactive_node_says_so_and_takes_the_map_again_when_activated(robot: Robot) -> None:
    waiting = robot.client.send(text="red", min_map_version=2**63, timeout=duration_message(600))
    robot.client.wait(
        lambda: robot.client.figure("reasoning_node", "waiting") == 1, PATIENCE_S, "the instruction to wait"
    )
    assert robot.change_state(Transition.TRANSITION_DEACTIVATE)
    for wanted in (waiting, robot.client.send(text="red")):
        mask = robot.client.answer_to(wanted, PATIENCE_S)
        assert (mask.status, mask.error_code) == (Status.NOT_READY, "inactive")
    assert robot.change_state(Transition.TRANSITION_CLEANUP)
    assert robot.change_state(Transition.TRANSITION_CONFIGURE)
    assert robot.change_state(Transition.TRANSITION_ACTIVATE)
    robot.client.wait_until_listening(PATIENCE_S)
    assert robot.ask("red").status == Status.OK


def test_a_killed_node_picks_the_map_up_again(robot: Robot) -> None:
    robot.group.processes.remove(robot.reasoning)  # its end is no failure
    robot.reasoning.kill()
    robot.client.figures.clear()
    robot.start_node()
    robot.client.wait(lambda: robot.client.figure("reasoning_node", "map_voxels") == len(FULLER), PATIENCE_S, "the map")
    mask = robot.ask("red")
    assert (mask.status, mask.map_version) == (Status.OK, robot.version), mask.explanation
