"""The package as a whole: frozen messages, one version, shipped files that parse, both builds in step."""

import ast
import importlib
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import yaml

import mllm_for3d_ros
from mllm_for3d_ros.labeling.progress import Stage
from mllm_for3d_ros.types import Status

ROOT = Path(__file__).resolve().parents[1]
OF_NO_NODE = {ROOT / "config" / "student.yaml"}

# Frozen with the first version: a change breaks every recorded bag and every listener.
FIELDS = {
    "Instruction": """
        std_msgs/Header header; uint8 op; string id; string requester; string text; uint8 method;
        bool has_viewpoint; geometry_msgs/PoseStamped viewpoint; bool has_region; geometry_msgs/PoseStamped region_pose;
        geometry_msgs/Vector3 region_size; float score_threshold; uint16 max_instances; uint64 min_map_version;
        builtin_interfaces/Duration timeout; boolean include_points""",
    "ReasoningMask": """
        std_msgs/Header header; string instruction_id; string requester; string text;
        builtin_interfaces/Time instruction_stamp; uint32 sequence; uint8 status; string error_code; string explanation;
        float presence; float score; uint8 method; string model_fingerprint; string map_epoch; uint64 map_version;
        builtin_interfaces/Duration queue_time; builtin_interfaces/Duration inference_time; float voxel_size;
        sequence<mllm_for3d_ros/MaskInstance> instances""",
    "MaskInstance": """
        uint32 id; string label; string reason; float score; geometry_msgs/Pose pose; geometry_msgs/Vector3 size;
        geometry_msgs/Point centroid; double[9] centroid_covariance; float observed_fraction;
        builtin_interfaces/Time first_seen; builtin_interfaces/Time last_seen; uint32 point_count; boolean has_support;
        shape_msgs/Plane support_plane; sensor_msgs/PointCloud2 points""",
    "Segment.Request": "mllm_for3d_ros/Instruction instruction",
    "Segment.Response": "boolean success; string message; mllm_for3d_ros/ReasoningMask mask",
    "SaveMap.Request": "string name; bool overwrite",
    "SaveMap.Response": "bool success; string message; string map_epoch; uint64 map_version; uint32 voxels",
    "LoadMap.Request": "string name",
    "LoadMap.Response": "bool success; string message; string map_epoch; uint64 map_version; uint32 voxels",
    "LabelBag.Goal": """
        sequence<string> bags; sequence<string> instructions; string instructions_file; uint32 propose; string teacher;
        string output_name; bool resume; bool overwrite; bool dry_run; string color_topic; string depth_topic;
        string camera_info_topic; string pose_topic; string map_frame; string camera_frame; float voxel_size;
        uint16 views""",
    "LabelBag.Result": """
        uint8 status; string message; string store; string report; uint32 bags_done; uint32 labels_written;
        sequence<string> failed_bags; sequence<string> failure_reasons; uint64 teacher_calls; uint64 cache_hits;
        builtin_interfaces/Duration elapsed""",
    "LabelBag.Feedback": """
        uint8 stage; string bag; uint32 bag_index; uint32 bag_count; uint64 frames_read; uint64 frames_total;
        uint64 teacher_calls; uint64 cache_hits; float progress; builtin_interfaces/Duration remaining""",
}
METHODS = {"METHOD_AUTO": 0, "METHOD_STUDENT": 1, "METHOD_LIFTED": 2}
CONSTANTS = {
    "Instruction": {"OP_ANSWER": 0, "OP_KEEP": 1, "OP_CANCEL": 2, "OP_CANCEL_ALL": 3, **METHODS},
    "ReasoningMask": {**{f"STATUS_{status.name}": int(status) for status in Status}, **METHODS},
    "MaskInstance": {},
    "LabelBag.Result": {
        "STATUS_UNSET": 0,
        "STATUS_DONE": 1,
        "STATUS_PARTIAL": 2,
        "STATUS_FAILED": 3,
        "STATUS_CANCELLED": 4,
        "STATUS_REJECTED": 5,
    },
    "LabelBag.Feedback": {"STAGE_UNSET": 0} | {f"STAGE_{stage.name}": int(stage) for stage in Stage},
}
INTERFACES = sorted(path for kind in ("msg", "srv", "action") for path in (ROOT / kind).iterdir())


def interface_class(name: str) -> type:
    """The class of a message ("ReasoningMask") or of a part of a service or an action ("Segment.Request")."""
    file, _, part = name.partition(".")
    (path,) = [path for path in INTERFACES if path.stem == file]
    whole = getattr(importlib.import_module(f"mllm_for3d_ros.{path.suffix[1:]}"), file)
    return getattr(whole, part) if part else whole


@pytest.mark.parametrize("name", FIELDS)
def test_interface_fields_are_frozen(name: str) -> None:
    frozen = [entry.strip().replace("bool ", "boolean ").split(" ") for entry in FIELDS[name].split(";")]
    found = interface_class(name).get_fields_and_field_types()
    assert list(found.items()) == [(field, kind) for kind, field in frozen]


@pytest.mark.parametrize("name", CONSTANTS)
def test_interface_constants_are_frozen(name: str) -> None:
    (path,) = [path for path in INTERFACES if path.stem == name.split(".")[0]]
    parts = path.read_text().split("---\n")
    text = parts[("Goal", "Result", "Feedback").index(name.split(".")[1])] if "." in name else path.read_text()
    written = re.findall(r"^uint8 ([A-Z_]+)=(\d+)", text, flags=re.MULTILINE)
    assert {constant: int(value) for constant, value in written} == CONSTANTS[name]
    assert all(getattr(interface_class(name), constant) == value for constant, value in CONSTANTS[name].items())


@pytest.mark.parametrize("path", [p for p in INTERFACES if p.suffix != ".action"], ids=lambda p: p.name)
def test_every_line_of_an_interface_is_explained(path: Path) -> None:
    bare = [line for line in path.read_text().splitlines() if line.strip(" -\n") and "#" not in line]
    assert bare == []


def test_tf_message_is_built() -> None:
    message = importlib.import_module("tf2_msgs.msg").TFMessage
    assert message.get_fields_and_field_types() == {"transforms": "sequence<geometry_msgs/TransformStamped>"}


def test_detection_messages_are_built_with_the_fields_of_vision_msgs_4() -> None:
    messages = importlib.import_module("vision_msgs.msg")
    assert messages.Detection3D.get_fields_and_field_types() == {
        "header": "std_msgs/Header",
        "results": "sequence<vision_msgs/ObjectHypothesisWithPose>",
        "bbox": "vision_msgs/BoundingBox3D",
        "id": "string",
    }
    assert messages.ObjectHypothesis.get_fields_and_field_types() == {"class_id": "string", "score": "double"}


def package_xml() -> ElementTree.Element:
    return ElementTree.parse(ROOT / "package.xml").getroot()


def test_one_version() -> None:
    assert package_xml().findtext("version") == mllm_for3d_ros.__version__
    assert 'version = { attr = "mllm_for3d_ros.__version__" }' in (ROOT / "pyproject.toml").read_text()


def test_package_xml_is_an_ament_cmake_interface_package() -> None:
    root = package_xml()
    assert root.get("format") == "3"
    assert root.findtext("name") == "mllm_for3d_ros"
    assert root.findtext("export/build_type") == "ament_cmake"
    assert root.findtext("member_of_group") == "rosidl_interface_packages"


def test_cmake_builds_the_same_interfaces_and_installs_the_same_scripts() -> None:
    cmake = (ROOT / "CMakeLists.txt").read_text()
    named = set(re.findall(r"^  ((?:msg|srv|action)/\w+\.\w+)$", cmake, flags=re.MULTILINE))
    assert named == {path.relative_to(ROOT).as_posix() for path in INTERFACES}
    installed = re.search(r"install\(PROGRAMS([^)]*?)DESTINATION lib/", cmake)
    assert installed is not None
    assert set(installed[1].split()) == {f"scripts/{p.name}" for p in (ROOT / "scripts").iterdir()}


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").iterdir()), ids=lambda p: p.name)
def test_scripts_take_the_python_of_the_environment(path: Path) -> None:
    assert path.read_text().startswith("#!/usr/bin/env python3\n")
    assert path.stat().st_mode & 0o111
    ast.parse(path.read_text())


@pytest.mark.parametrize("path", sorted(set((ROOT / "config").glob("*.yaml")) - OF_NO_NODE), ids=lambda p: p.name)
def test_parameter_file_names_its_node(path: Path) -> None:
    (node, content), *others = yaml.safe_load(path.read_text()).items()
    assert others == []
    assert node == f"/**/{path.stem}_node"
    assert content["ros__parameters"]


def test_dds_profile_has_room_for_images() -> None:
    root = ElementTree.parse(ROOT / "config/fastdds_shm.xml").getroot()
    sizes = [int(element.text or 0) for element in root.iter() if element.tag.endswith("segment_size")]
    assert sizes and min(sizes) >= 64 * 2**20


@pytest.mark.parametrize("path", sorted((ROOT / "launch").glob("*.py")), ids=lambda p: p.name)
def test_launch_file_describes_its_arguments(path: Path) -> None:
    tree = ast.parse(path.read_text())
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert "generate_launch_description" in functions
    (table,) = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "ARGUMENTS"]
    assert isinstance(table, ast.Tuple)
    for row in table.elts:
        assert isinstance(row, ast.Tuple)
        name, _default, description = row.elts
        assert isinstance(name, ast.Constant) and str(name.value).isidentifier()
        assert isinstance(description, ast.Constant) and len(str(description.value)) > 10


def test_lock_pins_every_package_exactly_for_this_python() -> None:
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    assert all(re.match(r"^[a-z0-9-]+==[^ ]+( ; .+)?$", line) for line in lines)
    here = f'python_version == "{sys.version_info[0]}.{sys.version_info[1]}"'
    names = [line.split("==")[0] for line in lines if ";" not in line or here in line]
    assert len(names) == len(set(names))
    for needed in ("numpy", "numba", "torch", "open3d", "rosbags", "ros-rclpy", "ros-rosidl-generator-py"):
        assert needed in names


def test_ros_pins_of_build_and_run_time_are_those_of_the_lock() -> None:
    lock = set((ROOT / "requirements.lock").read_text().splitlines())
    pins = re.findall(r'"(ros-[a-z0-9-]+)(?:\[\w+\])?==([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert len(pins) > 20
    assert {f"{name}=={version}" for name, version in pins} <= lock


def test_ci_runs_the_tests_and_the_robot_s_build() -> None:
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    assert (ROOT / ".ci/run").read_text().splitlines()[-2:] == ["make test", "make colcon"]
