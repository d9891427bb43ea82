"""Label recordings on request: `ros2 launch mllm_for3d_ros labeling.launch.py data_root:=/path/of/recordings`."""

import yaml
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

# (name, default, description)
ARGUMENTS = (
    ("namespace", "", "Namespace of the node"),
    ("data_root", "", "Folder that recordings are read from and labels are written to; has to be given"),
    ("teachers", "compact", "Teachers that a goal may name, separated by commas; the first is the default"),
    ("device", "auto", "Where the teacher runs: auto, cuda or cpu"),
    ("autostart", "true", "Configure and activate the node; false where a lifecycle manager does"),
)


def generate_launch_description() -> LaunchDescription:
    """labeling_node with its action label_bag."""
    declared = [DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS]
    return LaunchDescription([*declared, OpaqueFunction(function=nodes)])


def nodes(context: LaunchContext) -> list[Node]:
    """The node, once the arguments are known."""
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    node = Node(
        package="mllm_for3d_ros",
        executable="labeling_node",
        name="labeling_node",
        namespace=given["namespace"],
        parameters=[
            {
                "data_root": given["data_root"],
                "teachers": given["teachers"],
                "device": given["device"],
                "autostart": yaml.safe_load(given["autostart"]),
            }
        ],
        output="screen",
    )
    return [node]
