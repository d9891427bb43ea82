"""The planner's example with the nodes, over real DDS: a box, and none once the map was reset."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from planner_client import Limits, PlannerClient, Refused
from ros_support import TOPICS, Nodes, colored_frames, play, running_nodes
from std_srvs.srv import Trigger

from mllm_for3d_ros.nodes.processes import free_domain, ros_environment
from mllm_for3d_ros.recording.bag_writer import write_bag

AGES = 1e12
"""The recording is old, and its clock is not played."""


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    environment = ros_environment(free_domain())
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    write_bag(colored_frames(), tmp_path / "colors")
    with running_nodes(tmp_path / "logs", environment) as started:
        play(started, tmp_path / "colors", "--rate", "2", "--topics", *TOPICS)
        yield started


def test_a_box_and_none_after_a_reset(nodes: Nodes) -> None:
    rclpy.init(args=[])
    planner = PlannerClient("the red square", Limits(max_age_s=AGES, max_unseen_s=AGES, max_opening=1.0))
    try:
        planner.ask(60.0)
        box = planner.wait_for_box(60.0)
        assert planner.confirm(60.0).name == box.name
        assert box.frame == "map" and box.pose.position.x == pytest.approx(2.0, abs=0.1)
        assert box.size[0] == pytest.approx(0.5, abs=0.15)
        client = nodes.client.node.create_client(Trigger, "/mapping_node/map/reset")
        nodes.client.wait(client.service_is_ready, 20, "the service")
        reset = client.call_async(Trigger.Request())
        nodes.client.wait(reset.done, 20, "the reset")
        deadline = time.monotonic() + 60.0
        with pytest.raises(Refused, match="nothing to grasp"):
            while time.monotonic() < deadline:  # until the empty map has reached the reasoning node
                planner.confirm(60.0)
        planner.cancel()
    finally:
        planner.destroy_node()
        rclpy.shutdown()
