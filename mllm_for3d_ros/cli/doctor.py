"""``mllm-for3d doctor``: what is wrong with this machine, its DDS set-up, a camera's topics and TF, and the remedy."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mllm_for3d_ros.cli.arguments import positive_float
from mllm_for3d_ros.device import DEVICES

if TYPE_CHECKING:
    from mllm_for3d_ros.doctor.finding import Finding

HELP = """Check device, models, messages and the DDS set-up of this machine, then listen to a camera, to /tf and to our
nodes, and say what is wrong and how to mend it.

Topics are those of --camera (a preset of config/cameras/) or of the options; else those of a mapping_node that runs.

exit status: 0 nothing is wrong (there may be warnings), 1 something is, 2 the check itself could not be made"""
TOPIC_OPTIONS = {"rgb/image_raw": "rgb_topic", "depth/image_raw": "depth_topic", "camera_info": "camera_info_topic"}
SIGNS = {"ok": "ok   ", "warning": "warn ", "error": "WRONG"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    add = parser.add_argument
    add("--camera", metavar="NAME", help="preset: realsense, azure_kinect, oak_d, isaac_sim, gazebo")
    for topic, option in TOPIC_OPTIONS.items():
        add(f"--{option.replace('_', '-')}", metavar="TOPIC", help=f"of {topic}")
    add("--map-frame", default="map", metavar="FRAME", help="fixed frame of the map (default map)")
    add("--camera-frame", default="", metavar="FRAME", help="optical frame; default: that of the colour image")
    add("--reliable", action="store_true", help="subscribe as image_reliability:=reliable does")
    add("--use-sim-time", action="store_true", help="take time from /clock")
    add("--seconds", type=positive_float, default=5.0, metavar="S", help="to listen for (default 5)")
    add("--device", default="auto", choices=DEVICES, help="that the model is to run on")
    add("--model", type=Path, metavar="FILE", help="student to check in place of the shipped one")
    add("--offline", action="store_true", help="only the machine: no topics, no TF, no nodes")
    add("--json", action="store_true", help="print a JSON list of findings")


def run(args: argparse.Namespace) -> int:
    """Check; 1 if something is wrong."""
    from mllm_for3d_ros.doctor.finding import Level, worst
    from mllm_for3d_ros.doctor.machine import check_machine

    findings = [*check_machine(args.device, args.model), *_of_ros(args)]
    if args.json:
        print(json.dumps([finding.as_json() for finding in findings], indent=1, ensure_ascii=False))
    else:
        print(shown(findings))
    return 1 if worst(findings) is Level.ERROR else 0


def shown(findings: list[Finding]) -> str:
    """A line for each, the remedy below it, and a count."""
    width = max(len(finding.check) for finding in findings)
    lines = []
    for one in findings:
        lines.append(f"{SIGNS[one.level.name.lower()]}  {one.check:{width}}  {one.found}")
        if one.remedy:
            lines.append(f"{'':7}{'':{width}}  -> {one.remedy}")
    counts = {sign: sum(one.level.name.lower() == name for one in findings) for name, sign in SIGNS.items()}
    return "\n".join([*lines, f"{counts['WRONG']} wrong, {counts['warn ']} warnings, {counts['ok   ']} ok"])


def _of_ros(args: argparse.Namespace) -> list[Finding]:
    from mllm_for3d_ros.doctor.finding import bad
    from mllm_for3d_ros.doctor.middleware import check_middleware

    try:
        import rclpy
    except ImportError as error:
        return [bad("rclpy", f"it cannot be imported ({error})", "run `make setup`, or source a ROS 2 distribution")]
    findings = check_middleware(rclpy.get_rmw_implementation_identifier(), os.environ)
    if args.offline:
        return findings
    from mllm_for3d_ros.nodes.graph_doctor import Wanted, examine

    preset = _preset(args.camera)
    given = {topic: getattr(args, option) for topic, option in TOPIC_OPTIONS.items() if getattr(args, option)}
    wanted = Wanted(
        {**preset["topics"], **given},
        args.map_frame,
        args.camera_frame,
        preset["parameters"].get("approx_sync_max_interval", Wanted.slop_s),
        reliability="reliable" if args.reliable else Wanted.reliability,
        use_sim_time=args.use_sim_time or preset.get("use_sim_time", False),
    )
    return findings + examine(wanted, args.seconds)


def _preset(camera: str | None) -> Mapping[str, Any]:
    """Topics, parameters and use_sim_time of a camera.

    Raises:
        RecordingError: there is no preset of that name.
    """
    import yaml

    from mllm_for3d_ros.assets import config_dir
    from mllm_for3d_ros.errors import RecordingError

    empty: dict[str, Any] = {"topics": {}, "parameters": {}}
    if camera is None:
        return empty
    known = {path.stem: path for path in sorted((config_dir() / "cameras").glob("*.yaml"))}
    if camera not in known:
        raise RecordingError(f"camera {camera!r} is not known: choose one of {', '.join(known)}, or name the topics")
    return empty | yaml.safe_load(known[camera].read_text(encoding="utf-8"))
