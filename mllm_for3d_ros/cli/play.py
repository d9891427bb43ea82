"""``mllm-for3d play``: publish a bag's messages on their topics."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from mllm_for3d_ros.errors import MLLMFor3DError, RecordingError

HELP = "Publish the messages of a rosbag2 on their topics, as `ros2 bag play` does, without a ROS distribution."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``play``."""
    parser.add_argument("bag", type=Path, help="rosbag2 folder, .mcap or .db3 file")
    parser.add_argument("--rate", type=_rate, default=1.0, metavar="R", help="times real time (default 1)")
    parser.add_argument("--clock", action="store_true", help="publish /clock, for nodes with use_sim_time")
    parser.add_argument("--loop", action="store_true", help="start again at the end, until Ctrl-C")
    parser.add_argument(
        "--remap", type=_remapping, action="append", default=[], metavar="A:=B", help="publish topic A as B; repeatable"
    )
    parser.add_argument("--topics", nargs="+", default=[], metavar="TOPIC", help="only these topics of the bag")
    parser.add_argument(
        "--wait-for-subscribers",
        type=_seconds,
        default=0.0,
        metavar="S",
        help="wait up to S seconds until every topic is listened to (default 0)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Play the bag; Ctrl-C ends it with exit status 0."""
    stop = threading.Event()

    def request_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    earlier = {number: signal.signal(number, request_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _play(args, stop.is_set)
    finally:
        for number, handler in earlier.items():  # launch and a terminal both send it: once is enough
            signal.signal(number, signal.SIG_IGN if stop.is_set() else handler)


def _play(args: argparse.Namespace, stopped: Callable[[], bool]) -> int:
    if not args.bag.exists():
        raise RecordingError(f"{args.bag} does not exist: check the path of the bag")
    try:
        import rclpy
        from rclpy.signals import SignalHandlerOptions
    except ImportError as error:
        raise MLLMFor3DError(
            f"rclpy is not installed ({error}): run `make setup`, or source a ROS 2 distribution"
        ) from error
    from tqdm import tqdm

    from mllm_for3d_ros.nodes.player import Player, PlayOptions, bag_seconds

    options = PlayOptions(
        args.rate, args.clock, args.loop, dict(args.remap), tuple(args.topics), args.wait_for_subscribers
    )
    seconds = bag_seconds(args.bag)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node("play")
    bar = tqdm(total=round(seconds, 1), unit="s", disable=args.quiet or None, file=sys.stderr, desc="play", leave=False)

    def progress(at: float) -> None:
        bar.update(min(at, bar.total or at) - bar.n)

    def say(line: str) -> None:
        tqdm.write(f"play: {line}", file=sys.stderr)

    try:
        played = Player(node, args.bag, options, say, stopped, progress).play()
        bar.close()
        print(f"published {played.messages} messages in {played.seconds:.1f} s")
        return 0
    finally:
        bar.close()
        node.destroy_node()
        rclpy.try_shutdown()


def _rate(text: str) -> float:
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a rate: give a number above 0")
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is no time: give seconds, 0 or more")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not abs(value) < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is too large or no number")
    return value


def _remapping(text: str) -> tuple[str, str]:
    old, found, new = text.partition(":=")
    if not (found and old and new):
        raise argparse.ArgumentTypeError(f"{text!r} is no remapping: give OLD:=NEW")
    return old, new
