"""Starts the camera and the nodes as processes, asks every other second, and measures."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

from bench.soak.camera import COLOR_TOPIC, DEPTH_TOPIC, INFO_TOPIC
from bench.soak.meter import Meter, Usage
from bench.soak.verdict import Asked, Figures, figures
from mllm_for3d_ros.assets import config_dir
from mllm_for3d_ros.nodes.conversion import stamp_ns
from mllm_for3d_ros.nodes.demo_client import MAPPING, REASONING, DemoClient
from mllm_for3d_ros.nodes.processes import NodeFailed, NodeGroup, NodeProcess, free_domain, ros_environment
from mllm_for3d_ros.types import Status

ASK_EVERY_S = 2.0
SETTLE_S, SETTLE_SHARE = 60.0, 1 / 3
"""Memory grows from here on: a minute, or this share of a shorter run."""
START_S = 600.0
TEXTS = ("somewhere to sit", "something to drink from", "the table", "a blue whale", "where do I put my coat?")
REMAPPINGS = (f"rgb/image_raw:={COLOR_TOPIC}", f"depth/image_raw:={DEPTH_TOPIC}", f"camera_info:={INFO_TOPIC}")


@dataclass(frozen=True)
class Options:
    """seconds: to measure for. seed: of the room. views, hold: see bench.soak.camera. logs: folder."""

    seconds: float
    seed: int
    views: int
    hold: int
    logs: Path


@dataclass(frozen=True)
class Soak:
    """What a run came to: figures, CPU and memory by process, and what the camera said at its end."""

    figures: Figures
    usage: dict[str, Usage]
    camera: dict[str, Any]


def run_soak(options: Options) -> Soak:
    """The nodes with their shipped parameter files, for as long as is asked for."""
    with _group(options) as (group, camera):
        mapping = _start_node(group, MAPPING, *REMAPPINGS)
        reasoning = _start_node(group, REASONING, f"map/points:=/{MAPPING}/map/points")
        with DemoClient(group.check) as client:
            client.wait_until_listening(START_S)
            client.wait(lambda: client.figure(MAPPING, "fused") > 0, START_S, "the first fused frame")
            client.ask(TEXTS[0], START_S, min_version=1)
            meter = Meter({MAPPING: mapping.pid, REASONING: reasoning.pid, "camera": camera.pid, "client": os.getpid()})
            asked, fused_hz = _ask_for(client, options.seconds, meter.sample)
        usage = meter.usage(min(SETTLE_S, SETTLE_SHARE * options.seconds))
        growth = {name: usage[name].memory_growth for name in (MAPPING, REASONING)}
        return Soak(figures(fused_hz, asked, growth, usage[MAPPING].cpu), usage, _end(camera))


def run_empty(options: Options) -> tuple[dict[str, Any], dict[str, Usage], dict[str, Any]]:
    """The camera and a node that drops what it takes; returns the sink's rates, the usage and the camera's words."""
    with _group(options) as (group, camera):
        sink = group.start("sink", "-m", "bench.soak.sink")
        with DemoClient(group.check) as client:
            client.wait(lambda: client.node.count_publishers(COLOR_TOPIC) > 0, START_S, "the camera")
            meter = Meter({"sink": sink.pid, "camera": camera.pid})
            _spin_for(client, options.seconds, meter.sample)
        usage = meter.usage(0.0)
        return _end(sink), usage, _end(camera)


@contextmanager
def _group(options: Options) -> Iterator[tuple[NodeGroup, NodeProcess]]:
    """The camera, alone in a DDS domain."""
    environment = ros_environment(free_domain())
    os.environ.update(environment)
    with NodeGroup(options.logs, environment) as group:
        arguments = [f"--seed={options.seed}", f"--views={options.views}", f"--hold={options.hold}"]
        yield group, group.start("camera", "-m", "bench.soak.camera", *arguments)


def _start_node(group: NodeGroup, name: str, *remappings: str) -> NodeProcess:
    remap = [word for rule in remappings for word in ("-r", rule)]
    file = config_dir() / f"{name.removesuffix('_node')}.yaml"
    return group.start(name, "-m", f"mllm_for3d_ros.nodes.{name}", "--ros-args", "--params-file", str(file), *remap)


def _ask_for(client: DemoClient, seconds: float, sample: Callable[[], None]) -> tuple[list[Asked], float]:
    """Ask every other second; returns what came of it, and frames fused a second."""
    fused, start, asked = client.figure(MAPPING, "fused"), time.monotonic(), []
    for number, text in enumerate(cycle(TEXTS)):
        if number * ASK_EVERY_S >= seconds:
            break
        asked.append(_ask(client, text))
        _spin_for(client, start + (number + 1) * ASK_EVERY_S - time.monotonic(), sample)
    return asked, (client.figure(MAPPING, "fused") - fused) / (time.monotonic() - start)


def _ask(client: DemoClient, text: str) -> Asked:
    sent, sent_ns = time.monotonic(), time.time_ns()
    wanted = client.send(text=text, include_points=True)
    try:
        mask = client.answer_to(wanted, ASK_EVERY_S, text)
    except NodeFailed:
        return Asked(None, float("inf"), float("inf"))
    latency_ms = (time.monotonic() - sent) * 1000
    return Asked(Status(mask.status).name, latency_ms, (sent_ns - stamp_ns(mask.header.stamp)) * 1e-9)


def _spin_for(client: DemoClient, seconds: float, sample: Callable[[], None]) -> None:
    """Take what comes, and sample about once a second."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        client.wait(partial(_is_past, time.monotonic() + min(1.0, left)), left + 5.0, "time")
        sample()


def _is_past(moment: float) -> bool:
    return time.monotonic() >= moment


def _end(process: NodeProcess) -> dict[str, Any]:
    """Stop a process that prints a line of JSON at its end; returns it.

    Raises:
        NodeFailed: it ended badly.
    """
    process.stop()
    process.check()
    lines = process.log.read_text().splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise NodeFailed(f"{process.name} ended without its figures: {process.last_lines()} (log: {process.log})")
    return dict(json.loads(lines[-1]))
