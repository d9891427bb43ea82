"""The RViz configuration: displays of topics that the nodes publish, in the frame of the map."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from launch_stand_in import described

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = {
    "/mapping_node/map/points": ("PointCloud2", "Transient Local"),
    "/reasoning_node/mask/points": ("PointCloud2", "Transient Local"),
    "/reasoning_node/mask/heatmap": ("PointCloud2", "Transient Local"),
    "/reasoning_node/mask/markers": ("MarkerArray", "Transient Local"),
    "/rgb/image_raw": ("Camera", "Volatile"),
}


@pytest.fixture(scope="module")
def manager() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "rviz" / "reasoning.rviz").read_text())["Visualization Manager"]


def test_everything_is_shown_with_the_qos_it_is_published_with(manager: dict[str, Any]) -> None:
    shown = {d["Topic"]["Value"]: d for d in manager["Displays"] if "Topic" in d}
    assert set(shown) == set(PUBLISHED)
    for topic, (kind, durability) in PUBLISHED.items():
        assert shown[topic]["Class"] == f"rviz_default_plugins/{kind}"
        assert shown[topic]["Topic"]["Durability Policy"] == durability
    assert manager["Global Options"]["Fixed Frame"] == "map"


def test_names_of_displays_are_unique_and_those_of_the_camera_s_visibility(manager: dict[str, Any]) -> None:
    names = [display["Name"] for display in manager["Displays"]]
    assert len(names) == len(set(names))
    (camera,) = [display for display in manager["Displays"] if display["Class"].endswith("/Camera")]
    assert set(camera["Visibility"]) - {"Value"} == set(names) - {camera["Name"]}


def test_launch_brings_the_topics_of_a_namespace_and_a_camera_to_rviz() -> None:
    given = {"rviz": "true", "camera": "realsense", "namespace": "robot1", "map_frame": "world"}
    given["map_topic"] = "/rtabmap/cloud_map"
    node = described(ROOT / "launch" / "reasoning.launch.py", **given).nodes["rviz2"]
    remapped = dict(node.remappings)
    assert set(remapped) == {*PUBLISHED, "/rgb/camera_info"}
    assert remapped["/mapping_node/map/points"] == "/rtabmap/cloud_map"
    assert remapped["/reasoning_node/mask/points"] == "reasoning_node/mask/points"  # relative: in the namespace
    assert remapped["/rgb/image_raw"] == "/camera/camera/color/image_raw"
    assert remapped["/rgb/camera_info"] == "/camera/camera/color/camera_info"
    assert node.namespace == "robot1"
    assert Path(node.arguments[1]).is_file() and node.arguments[2:] == ["-f", "world"]
