"""The parameters of the mapping node, and how they fit each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mllm_for3d_ros.nodes.inputs.decoding import TRANSPORTS
from mllm_for3d_ros.nodes.parameters import RELIABILITY, Change, Parameter

POSE_SOURCES = ("tf", "pose", "odometry")
RECTIFICATIONS = ("auto", "rectify", "none")
DROPS = ("oldest", "farthest")
PARAMETERS = (
    Parameter("map_frame", "map", "Fixed frame that the map is built in (REP-105)"),
    Parameter("camera_frame", "", "Optical frame of the images; empty: the frame_id of the colour image"),
    Parameter("odometry_frame", "odom", "A jump of it in map_frame is a relocalisation; empty: there is none"),
    Parameter("pose_source", "tf", "Where poses come from besides /tf_static", choices=POSE_SOURCES),
    Parameter("pose_frame", "", "Frame that the messages on pose are of; empty: the camera's optical frame"),
    Parameter("pose_timeout", 1.0, "How long images wait for pose and camera_info, s", 0.0, 10.0, change=Change.ALWAYS),
    Parameter("rgb_transport", "raw", "raw, or what the colour topic ends with beyond that", choices=TRANSPORTS[:2]),
    Parameter("depth_transport", "raw", "raw, or what the depth topic ends with beyond that", choices=TRANSPORTS),
    Parameter(
        "rectification", "auto", "Whether images are to be rectified; auto: unless 'rect' is in the topic's name",
        choices=RECTIFICATIONS,
    ),
    Parameter("image_reliability", "best_effort", "QoS of images and camera_info", choices=tuple(RELIABILITY)),
    Parameter("image_depth", 10, "QoS depth of images and camera_info, messages", 1, 1000),
    Parameter("pose_reliability", "reliable", "QoS of pose and odom", choices=tuple(RELIABILITY)),
    Parameter("queue_size", 30, "Image pairs that may wait; the oldest are dropped first", 1, 1000),
    Parameter("approx_sync_max_interval", 0.02, "Stamps of colour and depth may differ by this, s", 0.0, 1.0),
    Parameter("min_depth", 0.1, "Nearer depth is ignored, m", 0.0, 10.0, change=Change.ALWAYS),
    Parameter("max_depth", 4.0, "Farther depth is ignored, m", 0.1, 50.0, change=Change.ALWAYS),
    Parameter("self_filter_frame", "", "Frame of self_filter_box; empty: no box"),
    Parameter(
        "self_filter_box", [0.0] * 6, "Least x y z and greatest x y z of the robot, m: depth in it is ignored",
        -100.0, 100.0,
    ),
    Parameter("self_filter_mask", "", "Image of depth's size, white where the robot is; empty: none"),
    Parameter("voxel_size", 0.025, "Edge of a map voxel, m", 0.005, 1.0),
    Parameter("memory_budget_mib", 512, "Memory of the map; voxels are dropped when it is used up, MiB", 2, 65536),
    Parameter("drop", "oldest", "What is dropped then: seen longest ago, or farthest from the camera", choices=DROPS),
    Parameter(
        "decay_period", 0.5, "Seconds between looks for voxels that are seen through; 0: none", 0.0, 3600.0,
        change=Change.ALWAYS,
    ),
    Parameter("decay_looks", 4, "Looks in a row that a voxel is dropped after", 1, 1000, change=Change.ALWAYS),
    Parameter("relocalisation_distance", 0.5, "Jump of the odometry frame that begins a new map, m", 0.01, 1e3),
    Parameter("relocalisation_angle", 20.0, "The same as an angle, degrees", 0.1, 180.0),
    Parameter("max_camera_speed", 5.0, "Faster is a jump, where there is no odometry_frame, m/s", 0.1, 1e3),
    Parameter("publish_rate_hz", 1.25, "How often ~/map/points is published while it changes, Hz", 0.01, 30.0),
    Parameter("map_folder", "~/.ros/mllm_for3d_ros/maps", "Folder that maps are saved in and loaded from"),
    Parameter("silent_after", 3.0, "Seconds without an input worth a warning", 0.5, 3600.0, change=Change.ALWAYS),
)  # fmt: skip


def contradiction(values: Mapping[str, Any]) -> str:
    """Why values of the mapping node do not fit each other, or ""."""
    if values["min_depth"] >= values["max_depth"]:
        return f"min_depth {values['min_depth']:g} must be below max_depth {values['max_depth']:g}"
    box = values["self_filter_box"]
    if values["self_filter_frame"] and not all(low < high for low, high in zip(box[:3], box[3:], strict=True)):
        return "self_filter_box must be least x y z, then greatest x y z, in self_filter_frame"
    if any(box) and not values["self_filter_frame"]:
        return "self_filter_box needs self_filter_frame: the frame that it is given in, such as base_link"
    return ""
