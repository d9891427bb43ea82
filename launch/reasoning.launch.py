"""Start mapping_node and reasoning_node on a camera: `ros2 launch mllm_for3d_ros reasoning.launch.py -s`."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.substitutions import EnvironmentVariable, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

PACKAGE = "mllm_for3d_ros"
CONFIG = PathJoinSubstitution([FindPackageShare(PACKAGE), "config"])

# (name, default, description)
ARGUMENTS = (
    ("namespace", "", "Namespace of both nodes"),
    ("use_sim_time", "false", "Take time from /clock, as when a bag is played with --clock"),
    ("rgb_topic", "rgb/image_raw", "Colour image (sensor_msgs/Image: rgb8, bgr8 or mono8)"),
    ("depth_topic", "depth/image_raw", "Depth image aligned to colour (sensor_msgs/Image: 16UC1 mm or 32FC1 m)"),
    ("camera_info_topic", "camera_info", "Intrinsics of the colour image (sensor_msgs/CameraInfo)"),
    ("map_frame", "map", "Fixed frame that the map is built in"),
    ("voxel_size", "0.025", "Edge of a map voxel in metres"),
    ("max_depth", "4.0", "Depth beyond this many metres is ignored"),
    ("model", "student", "The shipped model (student), or path of a .safetensors checkpoint"),
    ("device", "auto", "Where the model runs: auto, cuda or cpu"),
    ("mapping_params", PathJoinSubstitution([CONFIG, "mapping.yaml"]), "Parameter file of mapping_node"),
    ("reasoning_params", PathJoinSubstitution([CONFIG, "reasoning.yaml"]), "Parameter file of reasoning_node"),
)


def generate_launch_description() -> LaunchDescription:
    """Both nodes, with the map of the first feeding the second; arguments override the parameter files."""
    profile = EnvironmentVariable(
        "FASTDDS_DEFAULT_PROFILES_FILE", default_value=PathJoinSubstitution([CONFIG, "fastdds_shm.xml"])
    )
    arguments = {name: LaunchConfiguration(name) for name, _, _ in ARGUMENTS}
    common = {"package": PACKAGE, "namespace": arguments["namespace"], "output": "screen"}
    sim_time = {"use_sim_time": arguments["use_sim_time"]}
    mapping = Node(
        executable="mapping_node",
        name="mapping_node",
        parameters=[
            arguments["mapping_params"],
            {name: arguments[name] for name in ("map_frame", "voxel_size", "max_depth")} | sim_time,
        ],
        remappings=[
            ("rgb/image_raw", arguments["rgb_topic"]),
            ("depth/image_raw", arguments["depth_topic"]),
            ("camera_info", arguments["camera_info_topic"]),
        ],
        **common,
    )
    reasoning = Node(
        executable="reasoning_node",
        name="reasoning_node",
        parameters=[
            arguments["reasoning_params"],
            {name: arguments[name] for name in ("model", "device", "voxel_size")} | sim_time,
        ],
        remappings=[("map/points", "mapping_node/map/points")],
        **common,
    )
    declared = [DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS]
    return LaunchDescription(
        [*declared, SetEnvironmentVariable("FASTDDS_DEFAULT_PROFILES_FILE", profile), mapping, reasoning]
    )
