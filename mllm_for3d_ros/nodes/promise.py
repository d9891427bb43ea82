"""What a service's callback waits for while other callbacks go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.task import Future


def promise(node: Node) -> tuple[Future[Any], Callable[[Any], None]]:
    """A future for a callback of ``node`` to await, and what gives it its result, from any thread.

    The callback's service needs a ``ReentrantCallbackGroup``: of the node's own group one callback runs at a time,
    and one that awaits something is still running.
    """
    future: Future[Any] = Future(executor=node.executor)

    def keep(result: Any) -> None:
        future.set_result(result)
        if node.executor is not None:
            node.executor.wake()

    return future, keep
