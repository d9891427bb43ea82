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
}
METHODS = {"METHOD_AUTO": 0, "METHOD_STUDENT": 1, "METHOD_LIFTED": 2}
CONSTANTS = {
    "Instruction": {"OP_ANSWER": 0, "OP_KEEP": 1, "OP_CANCEL": 2, "OP_CANCEL_ALL": 3, **METHODS},
    "ReasoningMask": {**{f"STATUS_{status.name}": int(status) for status in Status}, **METHODS},
    "MaskInstance": {},
}


@pytest.mark.parametrize("name", FIELDS)
def test_message_fields_are_frozen(name: str) -> None:
    message = getattr(importlib.import_module("mllm_for3d_ros.msg"), name)
    frozen = [entry.strip().replace("bool ", "boolean ").split(" ") for entry in FIELDS[name].split(";")]
    assert list(message.get_fields_and_field_types().items()) == [(field, kind) for kind, field in frozen]


@pytest.mark.parametrize("name", CONSTANTS)
def test_message_constants_are_frozen(name: str) -> None:
    written = re.findall(r"^uint8 ([A-Z_]+)=(\d+)", (ROOT / f"msg/{name}.msg").read_text(), flags=re.MULTILINE)
    assert {constant: int(value) for constant, value in written} == CONSTANTS[name]
    message = getattr(importlib.import_module("mllm_for3d_ros.msg"), name)
    assert all(getattr(message, constant) == value for constant, value in CONSTANTS[name].items())


@pytest.mark.parametrize("path", sorted((ROOT / "msg").glob("*.msg")), ids=lambda p: p.name)
def test_every_message_line_is_explained(path: Path) -> None:
    bare = [line for line in path.read_text().splitlines() if line.strip() and "#" not in line]
    assert bare == []


def test_tf_message_is_built() -> None:
    message = importlib.import_module("tf2_msgs.msg").TFMessage
    assert message.get_fields_and_field_types() == {"transforms": "sequence<geometry_msgs/TransformStamped>"}


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
    assert set(re.findall(r"^  (msg/\w+\.msg)$", cmake, flags=re.MULTILINE)) == {f"msg/{name}.msg" for name in FIELDS}
    installed = re.search(r"install\(PROGRAMS (.*?) DESTINATION", cmake)
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


def test_ci_calls_make_test() -> None:
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    assert "make test" in (ROOT / ".ci/run").read_text()
