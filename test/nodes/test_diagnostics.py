import subprocess
import sys
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from mllm_for3d_ros.nodes.diagnostics import Diagnostics, Part


class Node:
    """What Diagnostics uses of a node; published messages are kept."""

    def __init__(self) -> None:
        self.published: list[DiagnosticArray] = []

    def create_publisher(self, kind: type, name: str, depth: int) -> "Node":
        assert (kind, name) == (DiagnosticArray, "/diagnostics")
        return self

    def publish(self, message: DiagnosticArray) -> None:
        self.published.append(message)

    def create_timer(self, period: float, callback: object, clock: object) -> None:
        assert period == 1.0

    def get_fully_qualified_name(self) -> str:
        return "/robot/mapper"

    def get_clock(self) -> "Node":
        return self

    def now(self) -> "Node":
        return self

    def to_msg(self) -> Time:
        return Time(sec=5)


def statuses(figures: dict[str, object], problems: list[str], *parts: Part) -> list[DiagnosticStatus]:
    node: Any = Node()
    Diagnostics(node, lambda: figures, lambda: problems, lambda: parts).publish()
    (message,) = node.published
    assert message.header.stamp.sec == 5
    return list(message.status)


def test_figures_are_texts_by_name() -> None:
    (status,) = statuses({"state": "active", "fused": 7}, [])
    assert (status.name, status.message, status.level) == ("robot/mapper", "active", DiagnosticStatus.OK)
    assert {value.key: value.value for value in status.values} == {"state": "active", "fused": "7"}


@pytest.mark.parametrize(
    ("figures", "problems", "said"), [({}, [], "running"), ({"state": "active"}, ["one", "two"], "one; two")]
)
def test_the_message_is_what_is_wrong_or_the_state(figures: dict[str, object], problems: list[str], said: str) -> None:
    (status,) = statuses(figures, problems)
    assert status.message == said
    assert status.level == (DiagnosticStatus.WARN if problems else DiagnosticStatus.OK)


def test_parts_have_a_status_each() -> None:
    own, rgb, depth = statuses({}, [], Part("rgb", {"rate_hz": "30.0"}), Part("depth", {}, ["silent"]))
    assert [status.name for status in (own, rgb, depth)] == ["robot/mapper", "robot/mapper: rgb", "robot/mapper: depth"]
    assert [status.level for status in (own, rgb, depth)] == [
        DiagnosticStatus.OK, DiagnosticStatus.OK, DiagnosticStatus.WARN,
    ]  # fmt: skip


MEMORY = """
from mllm_for3d_ros.nodes.diagnostics import memory_mib
before = memory_mib()
block = bytearray(64 * 2**20)
print(before, memory_mib())
"""


def test_the_memory_of_a_process_is_plausible() -> None:
    # a process of its own: in one that has freed much, the block may lie where memory was already
    said = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True).stdout
    before, after = map(float, said.split())
    assert 10 < before < after - 32
