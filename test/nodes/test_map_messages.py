import numpy as np
import pytest

pytest.importorskip("rclpy")

from rgbd_support import make_pose, wall_frame

from mllm_for3d_ros.nodes.conversion import cloud_columns, fill_bytes, stamp_ns
from mllm_for3d_ros.nodes.map_messages import MapMessages
from mllm_for3d_ros.scene.voxel_map import VoxelMap


def check(voxels: VoxelMap, messages: MapMessages) -> None:
    message, version, epoch = messages.make()
    columns, exact = cloud_columns(message), voxels.records()
    assert (version, epoch) == (exact.version, exact.epoch)
    assert (message.height, message.width, message.header.frame_id) == (1, len(voxels), "map")
    assert stamp_ns(message.header.stamp) == exact.newest_stamp
    assert message.row_step == len(message.data) == len(voxels) * message.point_step
    for name in ("x", "y", "z"):
        np.testing.assert_allclose(columns[name], exact.records[name], atol=0.0021)
    np.testing.assert_array_equal(columns["age"], exact.records["age"])
    np.testing.assert_array_equal(columns["epoch"], exact.records["epoch"])


def test_messages_follow_a_map_that_grows_shrinks_and_begins_anew() -> None:
    voxels = VoxelMap()
    messages = MapMessages(voxels)
    check(voxels, messages)
    check(voxels, messages)
    for number, depth in enumerate((0.5, 0.7, 0.9)):
        voxels.integrate(wall_frame(depth, stamp=number + 1))
        check(voxels, messages)
    voxels.reset()
    check(voxels, messages)
    voxels.integrate(wall_frame(0.4, stamp=9, pose=make_pose((0, 0, 1), (0, 0, 0))))
    check(voxels, messages)


def test_a_standing_scene_gives_the_same_message_in_the_same_memory() -> None:
    voxels = VoxelMap()
    messages = MapMessages(voxels)
    for number in range(20):
        voxels.integrate(wall_frame(0.5, stamp=number))
    first = messages.make().message
    place, content = first.data.buffer_info(), bytes(first.data)
    voxels.integrate(wall_frame(0.5, stamp=19))
    second = messages.make().message
    assert second.data.buffer_info() == place
    assert bytes(second.data) == content


def test_another_epoch_is_said_exactly() -> None:
    voxels = VoxelMap()
    messages = MapMessages(voxels)
    voxels.integrate(wall_frame(0.5, stamp=1))
    messages.make()
    voxels.reset()
    voxels.integrate(wall_frame(0.5005, stamp=2))
    np.testing.assert_array_equal(cloud_columns(messages.make().message)["z"], voxels.records().records["z"])


@pytest.mark.parametrize("sizes", [(0, 5, 3, 8, 0), (4, 4, 4)])
def test_bytes_are_filled_whatever_was_there(sizes: tuple[int, ...]) -> None:
    data = MapMessages(VoxelMap()).make().message.data
    for size in sizes:
        wanted = np.random.default_rng(size).integers(0, 99, (size, 2)).astype(np.uint16)
        fill_bytes(data, wanted)
        assert data.tobytes() == wanted.tobytes()
