"""Play a bag into the nodes and watch: `ros2 launch mllm_for3d_ros demo.launch.py`.

Without a bag a synthetic room is made first. Then ask, for instance:
ros2 topic pub --once /instruction/text std_msgs/msg/String "{data: somewhere to sit}"
"""

from pathlib import Path

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

PACKAGE = "mllm_for3d_ros"
REASONING = Path(get_package_share_directory(PACKAGE)) / "launch" / "reasoning.launch.py"
PROGRAM = str(Path(get_package_prefix(PACKAGE)) / "lib" / PACKAGE / "mllm-for3d")

# (name, default, description)
ARGUMENTS = (
    ("bag", "", "rosbag2 folder, .mcap or .db3 file; empty: a synthetic room is made"),
    ("seed", "10000", "Which synthetic room: 10000 to 10999"),
    ("out", "out/demo_rooms", "Folder that synthetic rooms are made in"),
    ("rate", "1.0", "Times real time that the bag is played at"),
    ("rgb_topic", "/camera/color/image_raw", "Colour image in the bag"),
    ("depth_topic", "/camera/depth/image_raw", "Depth image aligned to colour in the bag"),
    ("camera_info_topic", "/camera/color/camera_info", "Intrinsics of the colour image in the bag"),
    ("device", "auto", "Where the model runs: auto, cuda or cpu"),
    ("rviz", "true", "Show map, mask and boxes in RViz, which has to be installed (rviz2)"),
)
PASSED_ON = ("rgb_topic", "depth_topic", "camera_info_topic", "device", "rviz")


def generate_launch_description() -> LaunchDescription:
    """The nodes of reasoning.launch.py, and the player once there is a bag."""
    declared = [DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS]
    reasoning = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(REASONING)),
        launch_arguments=[(name, LaunchConfiguration(name)) for name in PASSED_ON],
    )
    return LaunchDescription([*declared, reasoning, OpaqueFunction(function=play)])


def play(context: LaunchContext) -> list:
    """What plays the bag; the synthetic room is made first where it is not there."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ("bag", "seed", "out", "rate")}
    room = Path(given["out"]) / f"room_{int(given['seed']):05d}"
    bag = Path(given["bag"] or room / "recording")
    player = ExecuteProcess(
        cmd=[PROGRAM, "play", str(bag), "--rate", given["rate"], "--wait-for-subscribers", "60", "--quiet"],
        output="screen",
    )
    if given["bag"] or bag.exists():
        return [player]
    maker = ExecuteProcess(cmd=[PROGRAM, "rooms", "make", "--seed", given["seed"], "--out", str(room)], output="screen")
    return [maker, RegisterEventHandler(OnProcessExit(target_action=maker, on_exit=[player]))]
