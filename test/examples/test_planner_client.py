"""The planner's example: what it takes for a box to grasp, and what it refuses."""

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import planner_client
import pytest
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from planner_client import REQUESTER, Limits, Refused, Targets, collision_object
from shape_msgs.msg import SolidPrimitive
from std_msgs.msg import Header

from mllm_for3d_ros.msg import MaskInstance, ReasoningMask
from mllm_for3d_ros.nodes.conversion import header_message, time_message

NOW = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


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


def test_the_example_needs_no_more_of_this_package_than_its_messages() -> None:
    from pathlib import Path

    lines = Path(planner_client.__file__).read_text().splitlines()
    assert [line for line in lines if "import" in line and "mllm_for3d_ros" in line] == [
        "from mllm_for3d_ros.msg import Instruction, MaskInstance, ReasoningMask"
    ]
