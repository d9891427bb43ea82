"""The labeling node with a teacher that does not answer."""

import threading

from color_teacher import ColorTeacher
from rclpy.executors import MultiThreadedExecutor

from mllm_for3d_ros.nodes import labeling_node
from mllm_for3d_ros.nodes.runner import run_node
from mllm_for3d_ros.nodes.start import end
from mllm_for3d_ros.teachers.cache import CachedTeacher


def hang(views: int) -> None:
    print("the teacher hangs", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    end(
        run_node(
            lambda: labeling_node.LabelingNode(
                lambda name, options, cache, answered: CachedTeacher(
                    ColorTeacher().fingerprint, ColorTeacher, cache, hang
                )
            ),
            make_executor=lambda: MultiThreadedExecutor(labeling_node.THREADS),
        )
    )
