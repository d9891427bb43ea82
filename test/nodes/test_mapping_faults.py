"""What can go wrong with the inputs of a mapping node, over real DDS: each is named, and work goes on."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from camera_rig import COLOR, METRES, STEP_NS, CameraRig
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, PointCloud2
from std_srvs.srv import Trigger

from mllm_for3d_ros.nodes.conversion import cloud_columns, stamp_ns
from mllm_for3d_ros.nodes.demo_client import DemoClient
from mllm_for3d_ros.nodes.parameters import LATCHED, qos
from mllm_for3d_ros.nodes.processes import NodeGroup, NodeProcess, free_domain, ros_environment
from mllm_for3d_ros.scene.map_file import SUFFIX
from mllm_for3d_ros.srv import LoadMap, SaveMap

MODULE = ("-m", "mllm_for3d_ros.nodes.mapping_node", "--ros-args")
QUICK = ("-p", "silent_after:=2.0", "-p", "pose_timeout:=2.0", "-p", "warn_period:=0.1", "-p", "publish_rate_hz:=10.0")
LOSSLESS = ("-p", "image_reliability:=reliable", "-p", "image_depth:=100")


class Started:
    """A group of nodes in a domain of their own, and a client there."""

    def __init__(self, group: NodeGroup, client: DemoClient) -> None:
        self.group, self.client = group, client


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    environment = ros_environment(free_domain())
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        with NodeGroup(tmp_path_factory.mktemp("logs"), environment) as group, DemoClient(group.check) as client:
            yield Started(group, client)
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("maps")


@pytest.fixture(scope="module")
def mapping(started: Started, folder: Path) -> Iterator[NodeProcess]:
    process = started.group.start("mapping_node", *MODULE, *QUICK, *LOSSLESS, "-p", f"map_folder:={folder}")
    yield process
    for _ in range(2):  # as from launch and the terminal
        process.interrupt()
    assert process.stop() == 0 and "Traceback" not in process.log.read_text()


@pytest.fixture(scope="module")
def rig(started: Started, mapping: NodeProcess) -> CameraRig:
    rig = CameraRig(started.client)
    rig.until_said("no pose of 'camera_color_optical_frame' in 'map'", tf=False)
    rig.heals()
    return rig


def call(rig: CameraRig, kind: Any, service: str, **fields: Any) -> Any:
    client = rig.client.node.create_client(kind, service)
    rig.client.wait(client.service_is_ready, 60, service)
    future = client.call_async(kind.Request(**fields))
    rig.client.wait(future.done, 60, f"the answer of {service}")
    rig.client.node.destroy_client(client)
    return future.result()


def test_a_publisher_that_dies_is_named_and_comes_back(rig: CameraRig) -> None:
    rig.end("color")
    rig.until_said("nothing on /rgb/image_raw for", "rgb/image_raw")
    rig.until_said("it has no publisher")
    rig.begin("color")
    rig.heals()


def test_a_publisher_whose_qos_does_not_fit_is_named(rig: CameraRig) -> None:
    rig.end("depth")
    rig.begin("depth", qos("best_effort", "volatile", 10))
    rig.until_said("does not fit", "depth/image_raw")
    assert int(rig.client.figures["mapping_node: depth/image_raw"]["qos_mismatches"]) > 0
    rig.end("depth")
    rig.begin("depth")
    rig.heals()


def test_depth_that_stops_is_named_and_goes_on(rig: CameraRig) -> None:
    rig.until_said("is there but sends nothing", "depth/image_raw", depth=None)
    rig.heals()


def test_images_that_cannot_be_used_are_named_and_the_next_ones_are_used(rig: CameraRig) -> None:
    def cut(image: Image) -> None:
        image.data = image.data[: len(image.data) // 2]

    faults: list[tuple[str, dict[str, Any]]] = [
        ("'nonsense8'", {"encodings": ("nonsense8", "32FC1")}),
        ("depth encoding 'rgb8'", {"depth": COLOR, "encodings": ("rgb8", "rgb8")}),
        ("needs 57600 bytes but has 28800", {"edit": cut}),
        ("no depth from 0.1 to 4 m", {"depth": METRES * np.nan}),
        ("the colour image is 160x120 but camera_info says 80x60", {"size": (80, 60)}),
        ("the depth image is 160x60, which has not the shape", {"depth": METRES[:60]}),
    ]
    for said, how in faults:
        rig.until_said(said, **how)
        rig.until_counted("fused")
    rig.heals()


def test_late_transforms_are_waited_for(rig: CameraRig) -> None:
    missing = rig.figure("no_pose")
    rig.until_counted("fused", 8, tf_delay_ns=3 * STEP_NS)  # each pose comes three images later
    assert rig.figure("no_pose") == missing


def test_missing_transforms_are_named(rig: CameraRig) -> None:
    rig.until_said("s from the newest transform", tf=False)
    rig.heals()


def test_colour_and_depth_that_do_not_pair_are_named(rig: CameraRig) -> None:
    def shift(image: Image) -> None:
        image.header.stamp.nanosec += STEP_NS // 2

    rig.until_said("colour and depth do not pair", edit=shift)
    rig.heals()


def test_a_single_jump_of_the_localisation_is_left_out_and_a_lasting_one_begins_a_new_map(rig: CameraRig) -> None:
    epoch, restarts = rig.epoch, rig.figure("restarts")
    before = rig.figure("jump")
    rig.frame(odom_x=3.0)
    rig.until(lambda: rig.figure("jump") > before, "the jump")
    assert (rig.epoch, rig.figure("restarts")) == (epoch, restarts)
    rig.until_said("the odometry frame moved 3.00 m", odom_x=3.0)
    rig.until(lambda: rig.epoch != epoch, "a new epoch", odom_x=3.0)
    rig.until_counted("fused", odom_x=3.0)
    rig.until(lambda: rig.figure("restarts") == restarts + 2, "the way back")
    rig.heals()


def test_stamps_that_go_back_begin_a_new_map(rig: CameraRig) -> None:
    epoch = rig.epoch
    rig.stamp -= 100_000_000_000
    rig.until_said("stamps went back by 9")
    rig.until(lambda: rig.epoch != epoch and rig.figure("newest_stamp") <= rig.stamp, "a new map")
    rig.heals()


def test_a_late_subscriber_gets_the_latched_map(rig: CameraRig) -> None:
    rig.heals()
    assert "publish_ms_p50" not in rig.client.figures["mapping_node"], "nobody has listened yet"
    received: list[PointCloud2] = []
    subscription = rig.client.node.create_subscription(
        PointCloud2, "/mapping_node/map/points", received.append, LATCHED
    )
    rig.client.wait(lambda: bool(received), 60, "the map")  # nothing new is published by the rig
    rig.client.wait(lambda: stamp_ns(received[-1].header.stamp) == rig.figure("newest_stamp"), 60, "the newest map")
    columns = cloud_columns(received[-1])
    assert {f"{number:08x}" for number in columns["epoch"]} == {rig.epoch} and len(columns["x"]) == rig.figure("voxels")
    rig.client.node.destroy_subscription(subscription)


def test_maps_are_saved_loaded_and_refused_by_name(rig: CameraRig, folder: Path) -> None:
    rig.heals()
    saved = call(rig, SaveMap, "/mapping_node/map/save", name="hall")
    assert saved.success and saved.voxels > 1000, saved.message
    again = call(rig, SaveMap, "/mapping_node/map/save", name="hall")
    assert not again.success and "overwrite" in again.message
    outside = call(rig, SaveMap, "/mapping_node/map/save", name="../hall")
    assert not outside.success and "no name of a map" in outside.message
    loaded = call(rig, LoadMap, "/mapping_node/map/load", name="hall")
    assert loaded.success and (loaded.voxels, loaded.map_version) == (saved.voxels, saved.map_version)
    assert loaded.map_epoch != saved.map_epoch
    rig.client.wait(lambda: rig.epoch == loaded.map_epoch, 60, "the new epoch in the diagnostics")
    file = folder / f"hall{SUFFIX}"
    file.write_bytes(file.read_bytes()[:-100])
    broken = call(rig, LoadMap, "/mapping_node/map/load", name="hall")
    assert not broken.success and "damaged or cut short" in broken.message
    rig.heals()
    assert rig.figure("voxels") >= saved.voxels
    epoch = rig.epoch
    reset = call(rig, Trigger, "/mapping_node/map/reset")
    assert reset.success and "forgot" in reset.message
    rig.until(lambda: rig.epoch != epoch, "a new epoch")


def test_parameters_are_checked_when_they_are_set(rig: CameraRig) -> None:
    def set_parameter(name: str, value: object) -> tuple[bool, str]:
        message = Parameter(name, value=value).to_parameter_msg()
        result = call(rig, SetParameters, "/mapping_node/set_parameters", parameters=[message]).results[0]
        return result.successful, result.reason

    assert set_parameter("max_depth", 1.5) == (True, "")
    rig.until_said("no depth from 0.1 to 1.5 m")
    refused = [set_parameter("max_depth", 0.1), set_parameter("voxel_size", 0.05), set_parameter("max_depth", 99.0)]
    assert [ok for ok, _ in refused] == [False] * 3
    assert "must be below max_depth" in refused[0][1] and "unconfigured" in refused[1][1]
    assert set_parameter("max_depth", 4.0) == (True, "")
    rig.heals()


def change(rig: CameraRig, transition: int) -> bool:
    request = Transition(id=transition)
    return bool(call(rig, ChangeState, f"/{rig.name}/change_state", transition=request).success)


def test_an_inactive_node_rests_and_keeps_its_map(rig: CameraRig) -> None:
    rig.heals()
    assert change(rig, Transition.TRANSITION_DEACTIVATE)
    rig.until_said("inactive")
    rig.client.wait(lambda: rig.client.node.count_subscribers("/rgb/image_raw") == 0, 60, "the end of the subscription")
    voxels, epoch = rig.figure("voxels"), rig.epoch
    assert change(rig, Transition.TRANSITION_ACTIVATE)
    rig.heals()
    assert rig.figure("voxels") >= voxels > 1000 and rig.epoch == epoch
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
        assert change(rig, transition)
    rig.until_said("unconfigured")
    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        assert change(rig, transition)
    rig.heals()
    assert rig.epoch != epoch


def test_compressed_images_odometry_and_simulated_time(started: Started) -> None:
    process = started.group.start(
        "other_mapping", *MODULE, *QUICK, *LOSSLESS, "-r", "__node:=other_mapping", "-p", "autostart:=false",
        "-p", "rgb_transport:=compressed", "-p", "depth_transport:=compressedDepth", "-p", "use_sim_time:=true",
        "-p", "pose_source:=odometry", "-p", "self_filter_frame:=base", "-p", "decay_period:=0.0",
        "-p", "self_filter_box:=[-1.0, -9.0, -9.0, 0.0, 9.0, 9.0]",
    )  # fmt: skip
    rig = CameraRig(started.client, "other_mapping", compressed=True)
    rig.until_said("unconfigured")
    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        assert change(rig, transition)
    rig.until_said("use_sim_time is true but nothing comes on /clock")
    rig.publishers["clock"] = started.client.node.create_publisher(Clock, "/clock", 10)
    rig.heals()
    seen = METRES.shape[0] / 140 * 2.0 * METRES.shape[1] / 140 * 2.0 / 0.025**2  # voxels of the wall in view
    assert 0.4 * seen < rig.figure("voxels") < 0.7 * seen, "the part of the view in the robot's box is left out"
    assert process.stop() == 0
