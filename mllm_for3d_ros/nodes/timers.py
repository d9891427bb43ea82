"""Timers that do not depend on the ROS time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node


def steady_timer(node: Node, period_s: float, callback: Callable[[], None]) -> Any:
    """A timer of real time, which also fires with use_sim_time and no /clock."""
    return node.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))
