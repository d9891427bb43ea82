"""A process of the soak that has a ROS node and works until it is told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

Result = TypeVar("Result")


def run_until_stopped(name: str, work: Callable[[Node, threading.Event], Result]) -> Result:
    """What ``work`` returns; SIGINT and SIGTERM set the event it is given."""
    stop = threading.Event()

    def request_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, request_stop)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(name)
    try:
        return work(node, stop)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
