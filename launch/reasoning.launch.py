"""Map what a camera sees and answer instructions on it: `ros2 launch mllm_for3d_ros reasoning.launch.py -s`.

What an argument leaves empty is taken from the camera's preset (config/cameras/), then from the parameter files.
"""

from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import EnvironmentVariable, LaunchConfiguration
from launch_ros.actions import Node

PACKAGE = "mllm_for3d_ros"
SHARE = Path(get_package_share_directory(PACKAGE))
CAMERAS = SHARE / "config" / "cameras"
RVIZ = SHARE / "rviz" / "reasoning.rviz"
NO_CAMERA = "none"

# (name, default, description)
ARGUMENTS = (
    ("namespace", "", "Namespace of the nodes"),
    ("camera", NO_CAMERA, "Preset of topics and depth range, a file of config/cameras/: none, realsense, oak_d ..."),
    ("rgb_topic", "", "Colour image; empty: the preset's, or rgb/image_raw"),
    ("depth_topic", "", "Depth image aligned to colour; empty: the preset's, or depth/image_raw"),
    ("camera_info_topic", "", "Intrinsics of the colour image; empty: the preset's, or camera_info"),
    ("use_sim_time", "", "Take time from /clock: true or false; empty: the preset's, or false"),
    ("map_frame", "", "Fixed frame that the map is built in; empty: the parameter file's"),
    ("camera_frame", "", "Optical frame of the images; empty: that of the colour image"),
    ("voxel_size", "", "Edge of a map voxel in metres; empty: the parameter files'"),
    ("max_depth", "", "Depth beyond this many metres is ignored; empty: the preset's or the parameter file's"),
    ("mapping", "true", "Start mapping_node; false where map_topic is another mapper's"),
    ("map_topic", "mapping_node/map/points", "The map that instructions are answered on (sensor_msgs/PointCloud2)"),
    ("model", "", "student (the shipped one), or path of a .safetensors checkpoint; empty: the parameter file's"),
    ("device", "", "Where the model runs: auto, cuda or cpu; empty: the parameter file's"),
    ("teacher", "", "2D teacher of METHOD_LIFTED, such as compact; empty: the parameter file's, which has none"),
    ("autostart", "true", "Configure and activate the nodes; false where a lifecycle manager does"),
    ("rviz", "false", "Show map, mask and boxes in RViz, which has to be installed (rviz2)"),
    ("mapping_params", str(SHARE / "config" / "mapping.yaml"), "Parameter file of mapping_node"),
    ("reasoning_params", str(SHARE / "config" / "reasoning.yaml"), "Parameter file of reasoning_node"),
)
TOPIC_ARGUMENTS = {
    "rgb/image_raw": "rgb_topic",
    "depth/image_raw": "depth_topic",
    "camera_info": "camera_info_topic",
}
# Topics of reasoning_node in rviz/reasoning.rviz, where it has no namespace.
SHOWN = (
    "reasoning_node/mask/points",
    "reasoning_node/mask/heatmap",
    "reasoning_node/mask/markers",
)


def generate_launch_description() -> LaunchDescription:
    """Both nodes and, if asked for, RViz."""
    profile = EnvironmentVariable(
        "FASTDDS_DEFAULT_PROFILES_FILE", default_value=str(SHARE / "config" / "fastdds_shm.xml")
    )
    declared = [DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS]
    return LaunchDescription(
        [*declared, SetEnvironmentVariable("FASTDDS_DEFAULT_PROFILES_FILE", profile), OpaqueFunction(function=nodes)]
    )


def nodes(context: LaunchContext) -> list[Node]:
    """The nodes, once the arguments are known."""
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    preset = read_preset(given["camera"])
    sim_time = {"use_sim_time": boolean(given["use_sim_time"] or str(preset.get("use_sim_time", False)))}
    topics = {name: given[argument] or preset["topics"].get(name, name) for name, argument in TOPIC_ARGUMENTS.items()}
    common = {"autostart": boolean(given["autostart"])} | sim_time
    sizes = {name: float(given[name]) for name in ("voxel_size", "max_depth") if given[name]}
    texts = {name: given[name] for name in ("map_frame", "camera_frame", "model", "device", "teacher") if given[name]}
    mapping = Node(
        package=PACKAGE,
        executable="mapping_node",
        name="mapping_node",
        namespace=given["namespace"],
        parameters=[
            given["mapping_params"],
            preset["parameters"] | sizes | only(texts, "map_frame", "camera_frame") | common,
        ],
        remappings=list(topics.items()),
        output="screen",
        condition=IfCondition(given["mapping"]),
    )
    reasoning = Node(
        package=PACKAGE,
        executable="reasoning_node",
        name="reasoning_node",
        namespace=given["namespace"],
        parameters=[
            given["reasoning_params"],
            only(preset["parameters"], "approx_sync_max_interval")
            | only(sizes, "voxel_size")
            | only(texts, "model", "device", "teacher", "camera_frame")
            | common,
        ],
        remappings=[("map/points", given["map_topic"]), *topics.items()],
        output="screen",
    )
    shown = [("/mapping_node/map/points", given["map_topic"]), *((f"/{name}", name) for name in SHOWN)]
    shown += [("/rgb/image_raw", topics["rgb/image_raw"]), ("/rgb/camera_info", topics["camera_info"])]
    fixed_frame = ["-f", given["map_frame"]] if given["map_frame"] else []
    rviz = Node(
        package="rviz2",
        executable="rviz2",
        namespace=given["namespace"],
        arguments=["-d", str(RVIZ), *fixed_frame],
        parameters=[sim_time],
        remappings=shown,
        condition=IfCondition(given["rviz"]),
    )
    return [mapping, reasoning, rviz]


def read_preset(camera: str) -> dict:
    """The preset ``camera``, "none" for an empty one.

    Raises:
        RuntimeError: there is none of that name.
    """
    empty: dict = {"topics": {}, "parameters": {}}
    if camera == NO_CAMERA:
        return empty
    known = sorted(path.stem for path in CAMERAS.glob("*.yaml"))
    if camera not in known:
        raise RuntimeError(f"camera:={camera} is not known: give {NO_CAMERA}, {', '.join(known)}")
    return empty | yaml.safe_load((CAMERAS / f"{camera}.yaml").read_text(encoding="utf-8"))


def boolean(text: str) -> bool:
    """Of "true" or "false", in any case.

    Raises:
        RuntimeError: it is neither.
    """
    if text.lower() not in ("true", "false"):
        raise RuntimeError(f"{text!r} is given where true or false is needed")
    return text.lower() == "true"


def only(values: dict, *names: str) -> dict:
    """Those of ``values`` that are named."""
    return {name: values[name] for name in names if name in values}
