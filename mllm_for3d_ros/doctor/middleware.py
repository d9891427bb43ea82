"""What decides whether large messages arrive at all: the middleware, its shared memory and buffers, discovery."""

from __future__ import annotations

import shutil
import socket
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

from mllm_for3d_ros.assets import config_dir
from mllm_for3d_ros.doctor.finding import Finding, bad, good, warning

LEAST_SEGMENT = 16 * 2**20
"""Bytes of shared memory that hold a few images and a cloud; Fast DDS's default of half a megabyte holds none."""
LEAST_RECEIVE_BUFFER = 8 * 2**20
RANGES = ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT")
_PROFILES = "FASTDDS_DEFAULT_PROFILES_FILE"
_OLD_PROFILES = "FASTRTPS_DEFAULT_PROFILES_FILE"
_SHARED_MEMORY = Path("/dev/shm")
_RECEIVE_BUFFER = Path("/proc/sys/net/core/rmem_max")


def check_middleware(rmw: str, environment: Mapping[str, str]) -> list[Finding]:
    """All checks of this module; ``rmw``: what rclpy runs on, e.g. "rmw_fastrtps_cpp"."""
    findings = [check_discovery(environment), check_loopback()]
    if rmw.startswith("rmw_fastrtps"):
        return [*findings, check_fast_dds(environment), check_shared_memory(shutil.disk_usage(_SHARED_MEMORY).free)]
    findings.append(good("middleware", rmw))
    if rmw.startswith("rmw_zenoh"):
        findings.append(
            warning("middleware", "rmw_zenoh finds nobody without a router", "ros2 run rmw_zenoh_cpp rmw_zenohd")
        )
        return findings
    return [*findings, check_receive_buffer(int(_RECEIVE_BUFFER.read_text()))]


def check_discovery(environment: Mapping[str, str]) -> Finding:
    """Whether nodes can find each other, as far as the environment says."""
    domain = environment.get("ROS_DOMAIN_ID") or "0"
    if not (domain.isdecimal() and int(domain) <= 232):
        return bad("discovery", f"ROS_DOMAIN_ID is {domain!r}", "set it to a number from 0 to 101")
    spread = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE") or "SUBNET"
    if spread not in RANGES:
        return bad("discovery", f"ROS_AUTOMATIC_DISCOVERY_RANGE is {spread!r}", f"set it to one of {', '.join(RANGES)}")
    if spread == "OFF" and not environment.get("ROS_STATIC_PEERS"):
        remedy = "set it to LOCALHOST or SUBNET, or name peers in ROS_STATIC_PEERS"
        return bad("discovery", "ROS_AUTOMATIC_DISCOVERY_RANGE is OFF: no node finds another", remedy)
    if environment.get("ROS_LOCALHOST_ONLY") == "1":
        spread = "LOCALHOST (by ROS_LOCALHOST_ONLY, which newer distributions no longer read)"
    return good("discovery", f"domain {domain}, range {spread}")


def check_loopback() -> Finding:
    """Whether 127.0.0.1 can be used, without which nodes of one machine find nobody."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            probe.sendto(b"", probe.getsockname())
    except OSError as error:
        return bad("loopback", f"127.0.0.1 cannot be used ({error})", "sudo ip link set lo up")
    return good("loopback", "up")


def check_fast_dds(environment: Mapping[str, str]) -> Finding:
    """Whether Fast DDS has shared memory large enough for images."""
    remedy = f"export {_PROFILES}={config_dir() / 'fastdds_shm.xml'} for every node, as the launch files do"
    file = environment.get(_PROFILES) or environment.get(_OLD_PROFILES)
    if not file:
        return bad("shared memory", "Fast DDS runs with its defaults: most best-effort images are lost", remedy)
    try:
        root = ElementTree.parse(file).getroot()
    except (OSError, ElementTree.ParseError) as error:
        return bad("shared memory", f"the profile {file} cannot be read ({error})", remedy)
    sizes = [int(element.text or 0) for element in root.iter() if element.tag.endswith("segment_size")]
    if not sizes or max(sizes) < LEAST_SEGMENT:
        return warning("shared memory", f"the profile {file} sets no segment_size of 16 MiB or more", remedy)
    return good("shared memory", f"segments of {max(sizes) / 2**20:.0f} MiB ({file})")


def check_shared_memory(free: int) -> Finding:
    """Whether /dev/shm has room; ``free``: bytes. Each process takes a segment there."""
    if free < 4 * LEAST_SEGMENT:
        remedy = "delete leftovers (fastdds shm clean), or in a container give --shm-size=1g or --ipc=host"
        return bad("shared memory", f"/dev/shm has {free / 2**20:.0f} MiB free", remedy)
    return good("shared memory", f"/dev/shm has {free / 2**20:.0f} MiB free")


def check_receive_buffer(size: int) -> Finding:
    """Whether UDP takes a whole image; ``size``: bytes of net.core.rmem_max. Without shared memory all goes there."""
    if size < LEAST_RECEIVE_BUFFER:
        found = f"net.core.rmem_max is {size / 2**20:.1f} MiB: images that come by UDP are lost"
        return warning("receive buffer", found, "sudo sysctl -w net.core.rmem_max=2147483647")
    return good("receive buffer", f"{size / 2**20:.0f} MiB")
