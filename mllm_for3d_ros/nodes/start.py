"""Starts a node by name; Ctrl-C ends it quietly from here on, also while it still imports."""

from __future__ import annotations

import importlib
import os
import signal
from types import FrameType


def start(name: str) -> int:
    """Import a node's module and run its ``main``; returns the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)  # until run_node takes over
    return int(importlib.import_module(f"mllm_for3d_ros.nodes.{name}").main())


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(0)
