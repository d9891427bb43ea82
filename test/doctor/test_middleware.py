"""The DDS set-up: what the environment and the system say."""

from pathlib import Path

import pytest

from mllm_for3d_ros.doctor import middleware
from mllm_for3d_ros.doctor.finding import Level

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("environment", "level", "said"),
    [
        ({}, Level.OK, "domain 0, range SUBNET"),
        ({"ROS_DOMAIN_ID": "42", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}, Level.OK, "domain 42, range LOCALHOST"),
        ({"ROS_DOMAIN_ID": "lab"}, Level.ERROR, "'lab'"),
        ({"ROS_DOMAIN_ID": "233"}, Level.ERROR, "'233'"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "localhost"}, Level.ERROR, "'localhost'"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, Level.ERROR, "OFF"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF", "ROS_STATIC_PEERS": "10.0.0.2"}, Level.OK, "OFF"),
        ({"ROS_LOCALHOST_ONLY": "1"}, Level.OK, "ROS_LOCALHOST_ONLY"),
    ],
)
def test_discovery(environment: dict[str, str], level: Level, said: str) -> None:
    finding = middleware.check_discovery(environment)
    assert finding.level is level and said in finding.found


def test_fast_dds_needs_a_profile_with_room(tmp_path: Path) -> None:
    small, broken = tmp_path / "small.xml", tmp_path / "broken.xml"
    small.write_text("<profiles><segment_size>524288</segment_size></profiles>")
    broken.write_text("<profiles>")
    levels = {
        None: Level.ERROR,
        str(tmp_path / "missing.xml"): Level.ERROR,
        str(broken): Level.ERROR,
        str(small): Level.WARNING,
        str(ROOT / "config" / "fastdds_shm.xml"): Level.OK,
    }
    for file, level in levels.items():
        environment = {} if file is None else {"FASTDDS_DEFAULT_PROFILES_FILE": file}
        finding = middleware.check_fast_dds(environment)
        assert finding.level is level, finding
        assert level is Level.OK or "fastdds_shm.xml" in finding.remedy


def test_shared_memory_and_buffers_can_be_too_small() -> None:
    assert middleware.check_shared_memory(10 * 2**30).level is Level.OK
    assert "--shm-size" in middleware.check_shared_memory(60 * 2**20).remedy
    assert middleware.check_receive_buffer(2**31 - 1).level is Level.OK
    assert "net.core.rmem_max" in middleware.check_receive_buffer(212992).remedy


@pytest.mark.parametrize(
    ("rmw", "checks"),
    [
        ("rmw_fastrtps_cpp", ["discovery", "loopback", "shared memory", "shared memory"]),
        ("rmw_cyclonedds_cpp", ["discovery", "loopback", "middleware", "receive buffer"]),
        ("rmw_zenoh_cpp", ["discovery", "loopback", "middleware", "middleware"]),
    ],
)
def test_each_middleware_has_its_own_checks(rmw: str, checks: list[str]) -> None:
    assert [finding.check for finding in middleware.check_middleware(rmw, {})] == checks
