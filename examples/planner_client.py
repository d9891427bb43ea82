#!/usr/bin/env python3
"""How a planner uses masks: say what is needed, get a box to grasp, refuse it once the map has moved on.

    ros2 run mllm_for3d_ros mapping_node ...          # or reasoning.launch.py: the nodes must run
    python3 planner_client.py "something to drink from" --max-opening 0.12

The instruction stands (OP_KEEP): it is answered anew whenever the map changes, so the newest mask is the one to act
on. ``Targets.grasp`` refuses masks that are old, of a map that was reset or relocalised, or of objects that have not
been seen for long; ``confirm`` asks once more, right before the arm moves. Where MoveIt's messages are installed the
box is added to the planning scene as a CollisionObject. Needs rclpy and this package's messages, nothing else of it.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import uuid
from dataclasses import dataclass
from typing import Any

import rclpy
from geometry_msgs.msg import Pose
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from shape_msgs.msg import SolidPrimitive

from mllm_for3d_ros.msg import Instruction, MaskInstance, ReasoningMask

REQUESTER = "planner_client"
KEPT_MASKS = 10
SENT_WITHIN_S = 2.0


class Refused(Exception):
    """There is nothing to grasp now; the text says why."""


@dataclass(frozen=True)
class Limits:
    """max_age_s: of the map's newest observation. max_unseen_s: since the object itself was seen. max_opening: of the
    gripper, m. min_score: mean voxel probability of an object.
    """

    max_age_s: float = 2.0
    max_unseen_s: float = 120.0
    max_opening: float = 0.12
    min_score: float = 0.3


@dataclass(frozen=True)
class GraspBox:
    """A box to grasp from above.

    frame: of everything here. pose: centre, z up, x along the longer horizontal side. size: x, y, z in m. The gripper
    comes down along -z to ``grasp`` and closes along its y axis over ``width`` m. name: unique for the object as long
    as the map lives. label, score, reason: why this object.
    """

    frame: str
    pose: Pose
    size: tuple[float, float, float]
    grasp: Pose
    width: float
    name: str
    label: str
    score: float
    reason: str


class Targets:
    """Keeps the newest mask of the instructions whose ids begin with ``prefix``, and the map epoch that is current."""

    def __init__(self, prefix: str, limits: Limits) -> None:
        self._prefix, self._limits = prefix, limits
        self._mask: ReasoningMask | None = None
        self._epoch = ""

    def take(self, mask: ReasoningMask) -> None:
        """A mask came; those of other instructions tell of the map all the same."""
        self._epoch = mask.map_epoch or self._epoch
        if mask.requester == REQUESTER and mask.instruction_id.startswith(self._prefix):
            self._mask = mask

    @property
    def answered(self) -> str:
        """Id of the instruction that the newest mask answers; empty before the first."""
        return "" if self._mask is None else str(self._mask.instruction_id)

    def grasp(self, now_ns: int) -> GraspBox:
        """The best object that the gripper can hold.

        Raises:
            Refused: nothing was found, the mask is stale, or everything found is too wide.
        """
        mask = self._mask
        if mask is None:
            raise Refused("no answer yet")
        if mask.status != ReasoningMask.STATUS_OK:
            raise Refused(f"nothing to grasp: {mask.explanation}")
        if mask.map_epoch != self._epoch:
            raise Refused("the map was reset, loaded or relocalised since this mask: its positions hold no more")
        age = (now_ns - nanoseconds(mask.header.stamp)) * 1e-9
        if age > self._limits.max_age_s:
            raise Refused(f"the mask is {age:.1f} s old, more than {self._limits.max_age_s:g} s: things may have moved")
        reasons = []
        for instance in mask.instances:  # best score first
            reason = self._objection(instance, now_ns)
            if reason is None:
                return grasp_box(mask, instance)
            reasons.append(f"{instance.label or 'object'} {instance.id}: {reason}")
        raise Refused("; ".join(reasons) or "the mask holds no object")

    def _objection(self, instance: MaskInstance, now_ns: int) -> str | None:
        unseen = (now_ns - nanoseconds(instance.last_seen)) * 1e-9
        if instance.score < self._limits.min_score:
            return f"score {instance.score:.2f} is below {self._limits.min_score:g}"
        if unseen > self._limits.max_unseen_s:
            return f"not seen for {unseen:.0f} s"
        if instance.size.y > self._limits.max_opening:
            return f"{instance.size.y:.2f} m wide, the gripper opens to {self._limits.max_opening:g} m"
        return None


def nanoseconds(stamp: Any) -> int:
    """Of a Time message."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def grasp_box(mask: ReasoningMask, instance: MaskInstance) -> GraspBox:
    """The box of an instance: its y is the shorter horizontal side, over which a gripper closes."""
    size = instance.size
    grasp = Pose(orientation=instance.pose.orientation)
    center = instance.pose.position
    grasp.position.x, grasp.position.y, grasp.position.z = center.x, center.y, center.z + size.z / 4
    return GraspBox(
        mask.header.frame_id,
        instance.pose,
        (size.x, size.y, size.z),
        grasp,
        size.y,
        f"{mask.map_epoch}/{instance.id}",
        instance.label,
        instance.score,
        instance.reason or mask.explanation,
    )


def collision_object(box: GraspBox) -> Any:
    """A moveit_msgs/CollisionObject that adds the box to the planning scene.

    Raises:
        ImportError: MoveIt's messages are not installed.
    """
    from moveit_msgs.msg import CollisionObject

    message = CollisionObject(id=box.name, operation=CollisionObject.ADD, pose=box.pose)
    message.header.frame_id = box.frame
    message.primitives = [SolidPrimitive(type=SolidPrimitive.BOX, dimensions=list(box.size))]
    message.primitive_poses = [Pose()]  # of the box in ``pose``
    return message


class PlannerClient(Node):
    """Gives a standing instruction and keeps its newest mask."""

    def __init__(self, text: str, limits: Limits) -> None:
        super().__init__("planner_client")
        self._id = uuid.uuid4().hex
        self._confirmations = 0
        self.targets = Targets(self._id, limits)
        self._text = text
        latched = QoSProfile(depth=KEPT_MASKS, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(ReasoningMask, "reasoning_node/mask", self.targets.take, latched)
        self._instructions = self.create_publisher(Instruction, "instruction", 10)

    def now_ns(self) -> int:
        """Time of this node's clock, simulated with ``use_sim_time``."""
        return int(self.get_clock().now().nanoseconds)

    def ask(self, timeout_s: float) -> None:
        """Give the instruction, once somebody listens.

        Raises:
            Refused: nobody listens within ``timeout_s``.
        """
        if not self._is_heard(self._instructions, timeout_s):
            raise Refused("nobody listens to instructions: is reasoning_node running?")
        self._send(Instruction.OP_KEEP, self._id)

    def wait_for_box(self, timeout_s: float) -> GraspBox:
        """Spin until there is a box.

        Raises:
            Refused: there is none within ``timeout_s``; the newest reason.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            rclpy.spin_once(self, timeout_sec=0.1)
            try:
                return self.targets.grasp(self.now_ns())
            except Refused:
                if time.monotonic() > deadline:
                    raise

    def confirm(self, timeout_s: float) -> GraspBox:
        """What the map says now: ask once more and judge that answer, right before acting.

        Raises:
            Refused: there is nothing to grasp any more, or no answer within ``timeout_s``.
        """
        self._confirmations += 1
        wanted = f"{self._id}/{self._confirmations}"
        self._send(Instruction.OP_ANSWER, wanted)
        deadline = time.monotonic() + timeout_s
        while self.targets.answered != wanted:
            if time.monotonic() > deadline:
                raise Refused(f"no answer within {timeout_s:g} s")
            rclpy.spin_once(self, timeout_sec=0.1)
        return self.targets.grasp(self.now_ns())

    def cancel(self) -> None:
        """Take the standing instruction back: one that nobody wants any more is answered for ever."""
        self._send(Instruction.OP_CANCEL, self._id)
        self._instructions.wait_for_all_acked(Duration(seconds=SENT_WITHIN_S))

    def add_to_scene(self, box: GraspBox, timeout_s: float) -> str:
        """Tell MoveIt of the box, once it listens, for at most ``timeout_s``; returns what came of it."""
        if importlib.util.find_spec("moveit_msgs") is None:
            return "moveit_msgs is not installed: not added to a planning scene"
        message = collision_object(box)
        publisher = self.create_publisher(type(message), "/collision_object", 1)
        if not self._is_heard(publisher, timeout_s):
            return "nobody listens on /collision_object: not added to a planning scene"
        publisher.publish(message)
        publisher.wait_for_all_acked(Duration(seconds=SENT_WITHIN_S))
        return f"added to the planning scene as {box.name}"

    def _is_heard(self, publisher: Publisher, timeout_s: float) -> bool:
        """Spin until somebody subscribes, at most ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while publisher.get_subscription_count() == 0 and time.monotonic() < deadline:
            rclpy.spin_once(self, timeout_sec=0.1)
        return bool(publisher.get_subscription_count())

    def _send(self, op: int, instruction_id: str) -> None:
        message = Instruction(op=op, id=instruction_id, requester=REQUESTER, text=self._text)
        message.header.stamp = self.get_clock().now().to_msg()
        self._instructions.publish(message)


def main(argv: list[str] | None = None) -> int:
    """Ask, wait, show the box; returns 0 if there is one."""
    rclpy.init(args=argv, signal_handler_options=SignalHandlerOptions.NO)  # Ctrl-C: there is something to take back
    parser = argparse.ArgumentParser(description="Get a box to grasp for an instruction.")
    parser.add_argument("text", nargs="?", default="something to drink from")
    parser.add_argument("--timeout", type=float, default=30.0, help="s to wait for a box")
    parser.add_argument("--max-age", type=float, default=Limits.max_age_s, help="of the map, s")
    parser.add_argument("--max-opening", type=float, default=Limits.max_opening, help="of the gripper, m")
    args = parser.parse_args(rclpy.utilities.remove_ros_args(argv or sys.argv)[1:])
    client = PlannerClient(args.text, Limits(max_age_s=args.max_age, max_opening=args.max_opening))
    try:
        client.ask(args.timeout)
        try:
            client.wait_for_box(args.timeout)
        finally:
            client.cancel()
        box = client.confirm(args.timeout)
        at, turn = box.grasp.position, box.grasp.orientation
        print(f"{box.label or 'object'} (score {box.score:.2f}) in {box.frame}: {box.reason}")
        print(f"box {box.size[0]:.2f} x {box.size[1]:.2f} x {box.size[2]:.2f} m, close over {box.width:.2f} m at")
        print(
            f"({at.x:.3f}, {at.y:.3f}, {at.z:.3f}), turned by ({turn.x:.3f}, {turn.y:.3f}, {turn.z:.3f}, {turn.w:.3f})"
        )
        print(client.add_to_scene(box, args.timeout))
        return 0
    except Refused as reason:
        print(f"refused: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        client.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    sys.exit(main())
