from typing import Any

import pytest

from mllm_for3d_ros.nodes.latched import LatchedWhenHeard


class Publisher:
    """Counts its subscriptions and keeps what it publishes; it is its own node."""

    def __init__(self) -> None:
        self.subscriptions = 0
        self.published: list[str] = []

    def create_publisher(self, message_type: Any, name: str, qos: Any) -> "Publisher":
        return self

    def get_subscription_count(self) -> int:
        return self.subscriptions

    def publish(self, message: str) -> None:
        self.published.append(message)


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


def test_nothing_is_made_while_nobody_listens(publisher: Publisher) -> None:
    output = LatchedWhenHeard(publisher, str, "topic")  # type: ignore[arg-type]
    made: list[str] = []
    output.offer(lambda: made.append("old") or "old")  # type: ignore[func-returns-value]
    output.offer(lambda: made.append("new") or "new")  # type: ignore[func-returns-value]
    output.poll()
    assert made == publisher.published == []
    publisher.subscriptions = 1
    output.poll()
    output.poll()
    assert made == publisher.published == ["new"], "the newest alone, and once"


def test_it_is_made_at_once_where_somebody_listens(publisher: Publisher) -> None:
    publisher.subscriptions = 1
    LatchedWhenHeard(publisher, str, "topic").offer(lambda: "now")  # type: ignore[arg-type]
    assert publisher.published == ["now"]
