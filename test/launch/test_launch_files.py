"""What each launch file would start: executables, parameters and files that exist, and what arguments change."""

import argparse
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from launch_stand_in import Described, ExecuteProcess, Node, OnProcessExit, RegisterEventHandler, described

from mllm_for3d_ros.nodes import labeling_node, mapping_parameters, reasoning_node
from mllm_for3d_ros.nodes.managed_node import COMMON_PARAMETERS
from mllm_for3d_ros.nodes.parameters import Parameter

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "launch").glob("*.launch.py"))
NODES = {"mapping_node": mapping_parameters, "reasoning_node": reasoning_node, "labeling_node": labeling_node}


def reasoning(**given: str) -> Described:
    return described(ROOT / "launch" / "reasoning.launch.py", **given)


def declared(executable: str) -> dict[str, Parameter]:
    return {p.name: p for p in (*COMMON_PARAMETERS, *NODES[executable].PARAMETERS)}


def parameters(node: Node) -> dict[str, Any]:
    """All parameters of a node, files first, as launch_ros merges them."""
    merged: dict[str, Any] = {}
    for source in node.parameters:
        if isinstance(source, str):
            (content,) = yaml.safe_load(Path(source).read_text()).values()
            source = content["ros__parameters"]
        merged.update(source)
    return merged


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_every_argument_is_described(file: Path) -> None:
    arguments = described(file).arguments
    assert arguments
    for name, argument in arguments.items():
        assert name.isidentifier() and argument.default_value is not None
        assert len(argument.description) > 10


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_nodes_exist_with_these_parameters(file: Path) -> None:
    nodes = [node for node in described(file).nodes.values() if node.package == "mllm_for3d_ros"]
    assert nodes
    for node in nodes:
        assert os.access(ROOT / "scripts" / node.executable, os.X_OK)
        assert node.name == node.executable
        known = declared(node.executable)
        for name, value in parameters(node).items():
            if name == "use_sim_time":
                assert isinstance(value, bool)
                continue
            assert name in known, f"{node.executable} has no parameter {name}"
            assert type(value) is type(known[name].default), f"{name}: {value!r}"
            assert known[name].accepts(value), f"{name}: {value!r}"


def test_large_messages_have_their_dds_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FASTDDS_DEFAULT_PROFILES_FILE", raising=False)
    assert Path(reasoning().environment["FASTDDS_DEFAULT_PROFILES_FILE"]).is_file()
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", "/mine.xml")
    assert reasoning().environment["FASTDDS_DEFAULT_PROFILES_FILE"] == "/mine.xml"


def test_the_nodes_fit_each_other() -> None:
    nodes = reasoning().nodes
    assert set(nodes) == {"mapping_node", "reasoning_node"}
    assert ("map/points", "mapping_node/map/points") in nodes["reasoning_node"].remappings
    assert dict(nodes["mapping_node"].remappings)["rgb/image_raw"] == "rgb/image_raw"
    assert parameters(nodes["mapping_node"])["voxel_size"] == parameters(nodes["reasoning_node"])["voxel_size"]
    assert all(parameters(node)["autostart"] is True for node in nodes.values())


def test_arguments_reach_the_nodes() -> None:
    nodes = reasoning(
        namespace="robot1", voxel_size="0.05", max_depth="6", map_frame="world", camera_frame="cam", device="cpu",
        model="mine.safetensors", teacher="compact", use_sim_time="True", autostart="false", rgb_topic="/my/rgb",
    ).nodes  # fmt: skip
    mapping, answers = parameters(nodes["mapping_node"]), parameters(nodes["reasoning_node"])
    assert (mapping["voxel_size"], mapping["max_depth"], mapping["map_frame"]) == (0.05, 6.0, "world")
    assert (answers["voxel_size"], answers["device"], answers["model"]) == (0.05, "cpu", "mine.safetensors")
    assert mapping["camera_frame"] == "cam" and "device" not in mapping and "max_depth" not in answers
    assert all(p["use_sim_time"] is True and p["autostart"] is False for p in (mapping, answers))
    assert (answers["teacher"], answers["camera_frame"]) == ("compact", "cam")
    assert all(dict(node.remappings)["rgb/image_raw"] == "/my/rgb" for node in nodes.values())
    assert {node.namespace for node in nodes.values()} == {"robot1"}


def test_another_mapper_takes_the_place_of_ours() -> None:
    nodes = reasoning(mapping="false", map_topic="/rtabmap/cloud_map").nodes
    assert set(nodes) == {"reasoning_node"}
    assert ("map/points", "/rtabmap/cloud_map") in nodes["reasoning_node"].remappings


@pytest.mark.parametrize(
    ("given", "said"),
    [({"camera": "polaroid"}, "oak_d, realsense"), ({"use_sim_time": "maybe"}, "'maybe' is given where true or false")],
)
def test_arguments_that_make_no_sense_are_named(given: dict[str, str], said: str) -> None:
    with pytest.raises(RuntimeError, match=re.escape(said)):
        reasoning(**given)


@pytest.mark.parametrize("camera", sorted(p.stem for p in (ROOT / "config" / "cameras").glob("*.yaml")))
def test_a_preset_sets_topics_and_parameters(camera: str) -> None:
    preset = yaml.safe_load((ROOT / "config" / "cameras" / f"{camera}.yaml").read_text())
    assert set(preset["topics"]) == {"rgb/image_raw", "depth/image_raw", "camera_info"}
    assert all(re.fullmatch(r"(/\w+)+", topic) for topic in preset["topics"].values())
    node = reasoning(camera=camera, max_depth="2.5").nodes["mapping_node"]
    assert dict(node.remappings) == preset["topics"]
    values, known = parameters(node), declared("mapping_node")
    for name, value in preset["parameters"].items():
        assert type(value) is type(known[name].default) and known[name].accepts(value), f"{name}: {value!r}"
        assert values[name] == (2.5 if name == "max_depth" else value)
    assert values["use_sim_time"] is preset.get("use_sim_time", False)
    assert (camera in ("gazebo", "isaac_sim")) is values["use_sim_time"]


def test_the_issue_s_cameras_are_there() -> None:
    found = {path.stem for path in (ROOT / "config" / "cameras").glob("*.yaml")}
    assert found == {"realsense", "azure_kinect", "oak_d", "isaac_sim", "gazebo"}


def test_the_demo_makes_a_room_and_then_plays_it(tmp_path: Path) -> None:
    shown = described(ROOT / "launch" / "demo.launch.py", seed="10003", out=str(tmp_path))
    make, after = shown.others
    assert isinstance(make, ExecuteProcess) and isinstance(after, RegisterEventHandler)
    handler = after.event_handler
    assert isinstance(handler, OnProcessExit) and handler.target_action is make
    (player,) = handler.on_exit
    room = tmp_path / "room_10003"
    assert make.cmd[1:] == ["rooms", "make", "--seed", "10003", "--out", str(room)]
    assert player.cmd[1:3] == ["play", str(room / "recording")]
    assert Path(player.cmd[0]).parts[-3:] == ("lib", "mllm_for3d_ros", "mllm-for3d")
    assert set(shown.nodes) == {"mapping_node", "reasoning_node", "rviz2"}
    (room / "recording").mkdir(parents=True)
    (again,) = described(ROOT / "launch" / "demo.launch.py", seed="10003", out=str(tmp_path)).others
    assert again.cmd == player.cmd


def test_the_demo_plays_a_bag_that_is_given() -> None:
    shown = described(ROOT / "launch" / "demo.launch.py", bag="/my/bag", rate="0.5", rviz="false")
    (player,) = shown.others
    assert player.cmd[1:5] == ["play", "/my/bag", "--rate", "0.5"]
    assert set(shown.nodes) == {"mapping_node", "reasoning_node"}


def test_the_commands_of_the_demo_are_ones_that_the_program_knows(tmp_path: Path) -> None:
    from mllm_for3d_ros.cli import play, rooms

    make, after = described(ROOT / "launch" / "demo.launch.py", out=str(tmp_path)).others
    for module, command in ((rooms, make.cmd), (play, after.event_handler.on_exit[0].cmd)):
        parser = argparse.ArgumentParser()
        module.add_arguments(parser)
        assert parser.parse_args(command[2:])


def test_labeling_takes_its_folder_and_teachers() -> None:
    given = {"data_root": "/data", "teachers": "compact, qwen3-vl-4b", "device": "cpu"}
    node = described(ROOT / "launch" / "labeling.launch.py", **given).nodes["labeling_node"]
    values = parameters(node)
    assert (values["data_root"], values["device"], values["autostart"]) == ("/data", "cpu", True)
    waiting = described(ROOT / "launch" / "labeling.launch.py", autostart="False").nodes["labeling_node"]
    assert parameters(waiting)["autostart"] is False
    strange = described(ROOT / "launch" / "labeling.launch.py", autostart="maybe").nodes["labeling_node"]
    assert parameters(strange)["autostart"] == "maybe"  # which the node refuses by name
    assert values["teachers"] == "compact, qwen3-vl-4b"
