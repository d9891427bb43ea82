"""Nodes as child processes, each with a log file; all of them end with the ``with`` block."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from mllm_for3d_ros.assets import config_dir
from mllm_for3d_ros.errors import MLLMFor3DError

_LOG_LINES = 4
_GRACE_S = 15.0
_DOMAINS = range(1, 101)  # their ports lie below those that Linux gives out


class NodeFailed(MLLMFor3DError):
    """A node ended, or did not do what was waited for."""


def free_domain(attempts: int = 20) -> int:
    """A ROS_DOMAIN_ID whose discovery port nobody on this machine uses."""
    for domain in random.sample(_DOMAINS, attempts):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind(("", 7400 + 250 * domain))
            return domain
    raise NodeFailed("no free ROS_DOMAIN_ID found: end other ROS 2 programs on this machine")


def ros_environment(domain: int) -> dict[str, str]:
    """Variables for nodes that talk only to each other, with shared memory large enough for images and clouds."""
    return {
        "ROS_DOMAIN_ID": str(domain),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "FASTDDS_DEFAULT_PROFILES_FILE": str(config_dir() / "fastdds_shm.xml"),
        "PYTHONUNBUFFERED": "1",
        "RCUTILS_COLORIZED_OUTPUT": "0",
    }


class NodeProcess:
    """A running child; ``name`` is for people, ``log`` holds what it prints."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path, environment: dict[str, str]) -> None:
        self.name, self.log = name, log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=os.environ | environment,
                start_new_session=True,  # Ctrl-C of a terminal reaches us alone; we pass it on
            )

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Exit status, None while it runs."""
        return self._process.poll()

    def last_lines(self) -> str:
        """The end of the log in one line."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return " | ".join(lines[-_LOG_LINES:]) or "it printed nothing"

    def check(self) -> None:
        """Raise NodeFailed if it has ended other than well."""
        if self.status:
            raise NodeFailed(f"{self.name} ended with status {self.status}: {self.last_lines()} (log: {self.log})")

    def interrupt(self) -> None:
        """Ask it to end, as Ctrl-C does."""
        if self.status is None:
            self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, without any chance to say so."""
        self._process.kill()
        self._process.wait()

    def stop(self, grace_s: float = _GRACE_S) -> int:
        """End it, by force if it takes too long; returns its exit status."""
        self.interrupt()
        try:
            return self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class NodeGroup:
    """Starts processes and ends them all on leaving the ``with`` block.

    Args:
        logs: folder for the log files.
        environment: added to that of this process.
    """

    def __init__(self, logs: Path, environment: dict[str, str]) -> None:
        self._logs, self._environment = logs, environment
        self.processes: list[NodeProcess] = []

    def start(self, name: str, *arguments: str) -> NodeProcess:
        """Start ``python ARGUMENTS`` as ``name``."""
        process = NodeProcess(name, arguments, self._logs / f"{name}.log", self._environment)
        self.processes.append(process)
        return process

    def check(self) -> None:
        """Raise NodeFailed if one of them has failed."""
        for process in self.processes:
            process.check()

    def __enter__(self) -> NodeGroup:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes:
            process.interrupt()
        deadline = time.monotonic() + _GRACE_S
        for process in self.processes:
            process.stop(max(0.1, deadline - time.monotonic()))
