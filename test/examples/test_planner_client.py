"""The planner's example: what it takes for a box to grasp, and what it refuses."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import planner_client
import pytest
import rclpy
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from planner_client import REQUESTER, Limits, Refused, Targets, collision_object
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from shape_msgs.msg import SolidPrimitive
from std_msgs.msg import Header, String

from mllm_for3d_ros.msg import Instruction, MaskInstance, ReasoningMask
from mllm_for3d_ros.nodes.conversion import header_message, time_message
from mllm_for3d_ros.nodes.processes import free_domain, ros_environment

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
PATIENCE_S = 60.0


def cup(width: float = 0.08, score: float = 0.9, unseen_s: float = 1.0, number: int = 7) -> MaskInstance:
    instance = MaskInstance(id=number, label="cup", reason="a cup holds drinks", score=score)
    turned = Quaternion(z=0.6, w=0.8)
    instance.pose = Pose(position=Point(x=1.0, y=2.0, z=0.8), orientation=turned)
    instance.size = Vector3(x=0.1, y=width, z=0.12)
    instance.last_seen = time_message(NOW - round(unseen_s * SECOND))
    return instance


def mask(
    *instances: MaskInstance, age_s: float = 0.5, epoch: str = "e1", own: bool = True, **fields: Any
) -> ReasoningMask:
    message = ReasoningMask(status=ReasoningMask.STATUS_OK, map_epoch=epoch, instances=list(instances))
    message.header = header_message("map", NOW - round(age_s * SECOND))
    message.instruction_id, message.requester = ("mine" if own else "other"), REQUESTER
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def targets(*masks: ReasoningMask, **limits: float) -> Targets:
    made = Targets("mine", Limits(**limits))
    for one in masks:
        made.take(one)
    return made


def test_the_best_object_that_fits_becomes_a_box() -> None:
    box = targets(mask(cup(width=0.3, number=1), cup(number=2))).grasp(NOW)
    assert (box.frame, box.name, box.label, box.reason) == ("map", "e1/2", "cup", "a cup holds drinks")
    assert box.size == pytest.approx((0.1, 0.08, 0.12)) and box.width == pytest.approx(0.08)
    assert box.grasp.position.z == pytest.approx(0.83) and box.grasp.orientation.z == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("masks", "limits", "said"),
    [
        ([], {}, "no answer yet"),
        ([mask(cup(), own=False)], {}, "no answer yet"),
        ([mask(status=ReasoningMask.STATUS_NO_TARGET, explanation="no cup here")], {}, "no cup here"),
        ([mask(cup(), age_s=2.5)], {}, "2.5 s old, more than 2 s"),
        ([mask(cup()), mask(epoch="e2", own=False)], {}, "reset, loaded or relocalised"),
        ([mask(cup(width=0.2))], {}, "0.20 m wide, the gripper opens to 0.12 m"),
        ([mask(cup(score=0.1))], {}, "score 0.10 is below 0.3"),
        ([mask(cup(unseen_s=500))], {}, "not seen for 500 s"),
        ([mask()], {}, "the mask holds no object"),
        ([mask(cup()), mask(status=ReasoningMask.STATUS_NO_TARGET, explanation="it is gone")], {}, "it is gone"),
        ([mask(cup(), age_s=1.5)], {"max_age_s": 1.0}, "more than 1 s"),
    ],
)
def test_what_is_not_to_be_grasped_is_refused(masks: list, limits: dict[str, float], said: str) -> None:
    with pytest.raises(Refused, match=said):
        targets(*masks, **limits).grasp(NOW)


def test_a_new_answer_in_a_new_epoch_is_taken() -> None:
    made = targets(mask(cup()), mask(epoch="e2", own=False))
    made.take(mask(cup(number=9), epoch="e2"))
    assert made.grasp(NOW).name == "e2/9"


def test_answers_to_confirmations_are_of_the_instruction_too() -> None:
    made = targets(mask(cup()), mask(cup(number=8), instruction_id="mine/1"))
    assert (made.answered, made.grasp(NOW).name) == ("mine/1", "e1/8")
    assert targets().answered == ""


def test_an_old_mask_of_the_same_map_is_refused_later() -> None:
    made = targets(mask(cup()))
    assert made.grasp(NOW)
    with pytest.raises(Refused, match="s old"):
        made.grasp(NOW + 3 * SECOND)


@dataclass
class CollisionObject:
    """Stands for moveit_msgs/CollisionObject, with its fields."""

    ADD = b"\x00"
    id: str = ""
    operation: bytes = b"\x00"
    pose: Pose = field(default_factory=Pose)
    header: Header = field(default_factory=Header)
    primitives: list = field(default_factory=list)
    primitive_poses: list = field(default_factory=list)


def test_the_box_becomes_a_collision_object_where_moveit_is(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("moveit_msgs.msg")
    module.CollisionObject = CollisionObject  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "moveit_msgs", ModuleType("moveit_msgs"))
    monkeypatch.setitem(sys.modules, "moveit_msgs.msg", module)
    box = targets(mask(cup())).grasp(NOW)
    message = collision_object(box)
    assert (message.header.frame_id, message.id, message.operation) == ("map", "e1/7", CollisionObject.ADD)
    (shape,), (pose,) = message.primitives, message.primitive_poses
    assert shape.type == SolidPrimitive.BOX and list(shape.dimensions) == pytest.approx([0.1, 0.08, 0.12])
    assert message.pose == box.pose and pose == Pose()


class Others(Node):
    """What a planner talks to, as far as it notes what it hears: reasoning_node and a planning scene."""

    def __init__(self, context: Context) -> None:
        super().__init__("others", context=context)
        self.instructions: list[Instruction] = []
        self.objects: list[String] = []
        self.create_subscription(Instruction, "instruction", self.instructions.append, 10)
        self.create_subscription(String, "/collision_object", self.objects.append, 10)

    def until(self, done: Callable[[], bool]) -> None:
        """Wait for what another thread hears."""
        deadline = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline, "it did not come"
            time.sleep(0.02)


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Iterator[Others]:
    for name, value in ros_environment(free_domain()).items():
        monkeypatch.setenv(name, value)
    context = Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    node, executor = Others(context), SingleThreadedExecutor(context=context)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    yield node
    executor.shutdown()
    thread.join()
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def test_a_standing_instruction_is_taken_back_where_no_box_comes(
    others: Others, capsys: pytest.CaptureFixture[str]
) -> None:
    assert planner_client.main(["planner_client", "a cup", "--timeout", "3"]) == 1
    assert "refused: no answer yet" in capsys.readouterr().err
    others.until(lambda: len(others.instructions) == 2)
    kept, cancelled = others.instructions
    assert (kept.op, cancelled.op) == (Instruction.OP_KEEP, Instruction.OP_CANCEL) and kept.id == cancelled.id


def test_the_planning_scene_is_waited_for(others: Others, monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleType("moveit_msgs")
    package.__spec__ = ModuleSpec("moveit_msgs", None)
    monkeypatch.setitem(sys.modules, "moveit_msgs", package)
    monkeypatch.setattr(planner_client, "collision_object", lambda box: String(data=box.name))
    box = targets(mask(cup())).grasp(NOW)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    planner = planner_client.PlannerClient("a cup", Limits())
    try:
        assert planner.add_to_scene(box, PATIENCE_S) == "added to the planning scene as e1/7"
        others.until(lambda: [message.data for message in others.objects] == ["e1/7"])
    finally:
        planner.destroy_node()
        rclpy.shutdown()


def test_the_example_needs_no_more_of_this_package_than_its_messages() -> None:
    from pathlib import Path

    lines = Path(planner_client.__file__).read_text().splitlines()
    assert [line for line in lines if "import" in line and "mllm_for3d_ros" in line] == [
        "from mllm_for3d_ros.msg import Instruction, MaskInstance, ReasoningMask"
    ]
