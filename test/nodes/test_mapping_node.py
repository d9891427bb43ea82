"""The mapping node in this process: what it lets go of."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import rclpy
from rclpy.context import Context
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from ros_support import colored_frames

from mllm_for3d_ros.nodes import mapping_node
from mllm_for3d_ros.scene.voxel_map import VoxelMap


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    monkeypatch.setenv("ROS_DOMAIN_ID", "94")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    made = Context()
    rclpy.init(args=[], context=made)
    yield made
    rclpy.try_shutdown(context=made)


def test_the_map_lives_until_cleanup(context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maps: list[VoxelMap] = []

    class Noted(VoxelMap):
        def __init__(self, *arguments: object, **more: object) -> None:
            super().__init__(*arguments, **more)  # type: ignore[arg-type]
            maps.append(self)

    monkeypatch.setattr(mapping_node, "VoxelMap", Noted)
    folder = Parameter("map_folder", value=str(tmp_path))
    node = mapping_node.MappingNode(context=context, parameter_overrides=[folder])
    try:
        node.start()
        (voxels,) = maps
        assert voxels.integrate(colored_frames(1)[0])
        assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS and len(voxels)
        assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS and not len(voxels)
    finally:
        node.close()
        node.destroy_node()
