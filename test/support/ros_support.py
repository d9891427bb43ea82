"""A short recording in colours, and the nodes as processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mllm_for3d_ros.nodes.demo_client import DemoClient
from mllm_for3d_ros.nodes.processes import NodeGroup, NodeProcess
from mllm_for3d_ros.types import Frame, Intrinsics

CAMERA = Intrinsics(160, 120, 140.0, 140.0, 79.5, 59.5)
FIRST_NS = 1_700_000_000_000_000_000
PERIOD_NS = 100_000_000
SUPPORT = Path(__file__).parent
PATIENCE_S = 240.0
WARN_PERIOD_S = 0.1
"""Seconds between two lines of one kind that a node says."""
REMAPPINGS = [
    "-r", "rgb/image_raw:=/camera/color/image_raw",
    "-r", "depth/image_raw:=/camera/depth/image_raw",
    "-r", "camera_info:=/camera/color/camera_info",
]  # fmt: skip
TOPICS = ["/tf", "/tf_static", "/camera/color/camera_info", "/camera/color/image_raw", "/camera/depth/image_raw"]


def colored_frames(count: int = 8) -> list[Frame]:
    """A camera that looks along x at a grey wall 2 m away with a red square of 0.5 m, and moves to the left."""
    color = np.full((120, 160, 3), 128, np.uint8)
    color[42:77, 62:97] = 200, 0, 0
    frames = []
    for n in range(count):
        pose = np.eye(4)
        pose[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
        pose[:3, 3] = 0.0, 0.0, 1.0
        frames.append(Frame(FIRST_NS + n * PERIOD_NS, color, np.full((120, 160), 2.0, np.float32), CAMERA, pose))
    return frames


@dataclass(frozen=True)
class Nodes:
    """Both nodes, running, and a client of them."""

    group: NodeGroup
    mapping: NodeProcess
    reasoning: NodeProcess
    client: DemoClient


@contextmanager
def running_nodes(logs: Path, environment: dict[str, str], *mapping_arguments: str) -> Iterator[Nodes]:
    with NodeGroup(logs, environment) as group:
        mapping = group.start(
            "mapping_node", "-m", "mllm_for3d_ros.nodes.mapping_node", "--ros-args", *REMAPPINGS,
            "-p", "image_reliability:=reliable", "-p", "image_depth:=100", "-p", "publish_rate_hz:=5.0",
            "-p", "pose_timeout:=0.5", "-p", f"warn_period:={WARN_PERIOD_S}", *mapping_arguments,
        )  # fmt: skip
        reasoning = group.start(
            "reasoning_node", str(SUPPORT / "color_reasoning_node.py"), "--ros-args",
            "-r", "map/points:=/mapping_node/map/points", "-p", f"warn_period:={WARN_PERIOD_S}",
        )  # fmt: skip
        with DemoClient(group.check) as client:
            client.wait_until_listening(PATIENCE_S)
            yield Nodes(group, mapping, reasoning, client)


def play(nodes: Nodes, bag: Path, *arguments: str) -> str:
    """Play a bag to its end; returns what the player printed."""
    player = nodes.group.start(
        "play", "-m", "mllm_for3d_ros.cli.main", "play", str(bag), "--wait-for-subscribers", "60", "--quiet", *arguments
    )
    nodes.client.wait(lambda: player.status is not None, PATIENCE_S, "playing")
    return player.log.read_text()
