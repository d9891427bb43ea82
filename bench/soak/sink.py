"""The empty pipeline: a node that takes the camera's topics as mapping_node does, and drops them.

What it costs is what DDS and rclpy cost; the rest of a core is left for the work. Prints one line of JSON at SIGINT.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from typing import Any

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage

from bench.soak.camera import COLOR_TOPIC, DEPTH_TOPIC, INFO_TOPIC
from bench.soak.process import run_until_stopped
from mllm_for3d_ros.nodes.parameters import qos

_SPIN_S = 0.2


def sink(node: Node, stop: threading.Event) -> dict[str, Any]:
    """Receive until told to stop; messages a second of each topic, from its first message on."""
    counts: Counter[str] = Counter()
    first: dict[str, float] = {}

    def take(name: str) -> None:
        first.setdefault(name, time.monotonic())
        counts[name] += 1

    sensor = qos("best_effort", "volatile", 10)
    node.create_subscription(Image, COLOR_TOPIC, lambda m: take("color"), sensor)
    node.create_subscription(Image, DEPTH_TOPIC, lambda m: take("depth"), sensor)
    node.create_subscription(CameraInfo, INFO_TOPIC, lambda m: take("info"), sensor)
    node.create_subscription(TFMessage, "/tf", lambda m: take("tf"), 100)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not stop.is_set():
        executor.spin_once(timeout_sec=_SPIN_S)
    end = time.monotonic()
    return {f"{name}_hz": round(count / (end - first[name]), 2) for name, count in sorted(counts.items())}


if __name__ == "__main__":
    print(json.dumps(run_until_stopped("soak_sink", sink)), flush=True)
    sys.exit(0)
