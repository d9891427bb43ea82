"""Starts a node by name and ends its process; Ctrl-C ends it quietly from here on, also while it still imports."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn


def start(name: str) -> NoReturn:
    """Import a node's module, run its ``main``, and end the process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_quietly)  # until run_node takes over
    end(int(importlib.import_module(f"mllm_for3d_ros.nodes.{name}").main()))


def end(status: int) -> NoReturn:
    """End the process, at once if a thread is still at work, as in a model or a teacher that takes long.

    The interpreter would wait for the threads of an executor, however long they take, and a daemon thread that is in
    C++ code would abort the process.
    """
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _end_quietly(number: int, frame: FrameType | None) -> None:
    os._exit(0)
