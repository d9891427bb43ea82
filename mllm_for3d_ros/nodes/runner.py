"""Starts a node, spins it until Ctrl-C or SIGTERM, and ends with a clean exit status."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from types import FrameType

import rclpy
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from mllm_for3d_ros.errors import MLLMFor3DError
from mllm_for3d_ros.nodes.managed_node import ManagedNode
from mllm_for3d_ros.nodes.speaker import Speaker, describe

_SPIN_S = 0.2
_SHUTDOWN_S = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_node(
    make_node: Callable[[], ManagedNode],
    argv: Sequence[str] | None = None,
    make_executor: Callable[[], Executor] = SingleThreadedExecutor,
) -> int:
    """Run a node made by ``make_node`` until it is told to stop.

    Args:
        make_node: called once ROS is up; an exception of it, or of the node's start, is logged as one line.
        argv: ROS arguments; None takes those of the process.
        make_executor: called once ROS is up; what it makes spins the node.

    Returns:
        0 after SIGINT or SIGTERM, 1 if the node could not be made or started.
    """
    stop = threading.Event()

    def request_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in _SIGNALS:
        signal.signal(number, request_stop)
    rclpy.init(args=list(sys.argv if argv is None else argv), signal_handler_options=SignalHandlerOptions.NO)
    node: ManagedNode | None = None
    executor = make_executor()
    try:
        node = make_node()
        node.start()
        _spin(node, stop, executor)
        return 0
    except Exception as error:  # of the start: an extra that is not installed, a device that fails, a bug
        logger = node.get_logger() if node else rclpy.logging.get_logger(sys.argv[0].rsplit("/", 1)[-1])
        logger.fatal(describe(error))
        if not isinstance(error, MLLMFor3DError):
            logger.debug(traceback.format_exc())
        return 1
    finally:
        for number in _SIGNALS:  # launch and a terminal both send it: once is enough
            signal.signal(number, signal.SIG_IGN)
        if node is not None:
            node.close()
        _shut_down(executor)  # after close(), which ends what callbacks in its threads may be doing
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()


def _spin(node: Node, stop: threading.Event, executor: Executor) -> None:
    executor.add_node(node)
    speaker = Speaker(node.get_logger().error)
    while not stop.is_set():
        try:
            executor.spin_once(timeout_sec=_SPIN_S)
        except Exception as error:  # a message that cannot even be taken must not end the node
            speaker.error("spin", error)
            stop.wait(0.01)
    executor.remove_node(node)


def _shut_down(executor: Executor) -> None:
    """Shut down, and wait for callbacks in threads; not for long, though executors with a pool know no bound."""
    ending = threading.Thread(target=executor.shutdown, daemon=True)
    ending.start()
    ending.join(_SHUTDOWN_S)
